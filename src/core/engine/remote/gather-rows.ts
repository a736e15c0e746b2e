/** The rows of a statement, gathered from its pages. */
import type { JsonValue, QueryResult } from '../sql-engine.js';
import type { RemoteStatement } from './remote-service.js';

/** Up to `maxRows` rows under `names`, in the order of the statement's columns; `truncated`: there were more, and reading ended. */
export async function gatherRows(
  { pages }: RemoteStatement,
  names: readonly string[],
  maxRows: number,
): Promise<Pick<QueryResult, 'rows' | 'truncated'>> {
  const rows: { [column: string]: JsonValue }[] = [];
  for await (const page of pages) {
    for (const values of page) {
      if (rows.length >= maxRows) return { rows, truncated: true };
      rows.push(Object.fromEntries(names.map((name, n) => [name, values[n] ?? null])));
    }
  }
  return { rows, truncated: false };
}
