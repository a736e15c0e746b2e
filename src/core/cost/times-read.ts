/** How often Trino and Athena compute a query of a statement: a common table once for each use, and so on inward. */
import type { QueryOutline } from '../engine/statement/query-outline.js';

/** By the query's index. One that is never used counts as if it were. */
export function timesRead({ queries, derived }: QueryOutline): (query: number) => number {
  const known = new Map<number, number>();
  const times = (query: number): number => {
    const found = known.get(query);
    if (found !== undefined) return found;
    const within = queries[query]?.within ?? null;
    const uses = derived.filter(({ rowsOf }) => rowsOf === query);
    const counted =
      within !== null ? times(within) : uses.length === 0 ? 1 : uses.reduce((sum, use) => sum + times(use.query), 0);
    known.set(query, counted);
    return counted;
  };
  return times;
}
