/** Sizes for people. */

const STEPS = [
  [1e12, 'TB'],
  [1e9, 'GB'],
  [1e6, 'MB'],
  [1e3, 'kB'],
] as const;

/** e.g. `812 bytes`, `13.6 kB`, `1.2 GB`: always more than a zero where there is something. */
export function sizeText(bytes: number): string {
  // What would be rounded up to a thousand is told in the next unit.
  const [step, unit] = STEPS.find(([least]) => bytes >= least * 0.99995) ?? [1, 'bytes'];
  return unit === 'bytes' ? `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}` : `${(bytes / step).toFixed(1)} ${unit}`;
}
