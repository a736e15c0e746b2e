/** The highest lease token that tables remember. */
import { rollbackTokenOf } from './rollback-mark.js';
import { currentLine, fencedStateOf } from './snapshot-line.js';
import type { Table } from './table-api.js';

/**
 * 0: none was ever seen. Whoever commits under a lower token is fenced out, so a lease must begin above it: its first token is the time,
 * which lies below when the state store was lost and the clock stood ahead before, or stands behind now.
 */
export async function highestToken(tables: readonly (Table | null)[]): Promise<number> {
  const tokens = await Promise.all(
    tables.map(async (table) => {
      if (!table) return 0;
      const { metadata } = await table.metadata();
      return Math.max(fencedStateOf(currentLine(metadata)).fencingToken ?? 0, rollbackTokenOf(metadata) ?? 0);
    }),
  );
  return Math.max(0, ...tokens);
}
