/** Sizes and durations as people write them, in keystone.yaml and in flags. */

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
  TIB: 1024 ** 4,
};
const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Bytes of `512MB` (10^6) or `1GiB` (2^30), in any case of letters; null for what is no size. */
export function parseSize(text: string): number | null {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim()) ?? [];
  const size = SIZE_UNITS[unit?.toUpperCase() ?? ''];
  return amount === undefined || size === undefined ? null : Math.round(Number(amount) * size);
}

/** Milliseconds of `500ms`, `5s`, `2m`, `1h`, `7d`; null for what is no duration. */
export function parseDuration(text: string): number | null {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  const ms = DURATION_UNITS[unit ?? ''];
  return amount === undefined || ms === undefined ? null : Math.round(Number(amount) * ms);
}
