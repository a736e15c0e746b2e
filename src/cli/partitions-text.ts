/** Partitions of a model in a cell. */

const NAMED = 4;

/** All of a few in order, else `2016-09 … 2018-10 (22)`; --json lists them. */
export function partitionsText(partitions: readonly string[]): string {
  if (partitions.length <= NAMED) return partitions.join(', ');
  const sorted = partitions.toSorted();
  return `${sorted[0]} … ${sorted.at(-1)} (${sorted.length})`;
}

/** The same rows with such a cell. */
export const withPartitionsText = <T extends { readonly partitions: readonly string[] }>(
  rows: readonly T[],
): readonly (Omit<T, 'partitions'> & { readonly partitions: string })[] =>
  rows.map((row) => ({ ...row, partitions: partitionsText(row.partitions) }));
