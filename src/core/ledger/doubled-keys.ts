/** Part of the deep account: no key of a silver table has two current rows. */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteIdentifier } from '../engine/sql-text.js';
import type { Lakehouse } from '../lakehouse.js';
import { scanSql } from '../table/scan-sql.js';
import { type AccountBreak, MAX_NAMED } from './account.js';
import type { AccountCut } from './account-cut.js';

/** `unreadable`: paths of data files that cannot be opened and are left out. */
export async function doubledKeys(
  lakehouse: Lakehouse,
  session: DuckSession,
  cut: AccountCut,
  unreadable: ReadonlySet<string>,
): Promise<readonly AccountBreak[]> {
  const store = await lakehouse.store();
  const breaks: AccountBreak[] = [];
  for (const contract of (await lakehouse.contracts()).values()) {
    const at = cut.tables.get(`silver.${contract.dataset}`);
    if (!at?.snapshot || contract.key.length === 0) continue;
    const scan = await at.table.scan({ snapshotId: at.snapshot.id });
    const files = scan.files.filter(({ path }) => !unreadable.has(path));
    const keys = contract.key.map(quoteIdentifier).join(', ');
    const rows = await scanSql(at.state.fields, files, store);
    const [found] = await session.rows<{ n: bigint }>(
      `SELECT count(*) AS n FROM (SELECT ${keys} FROM (${rows}) GROUP BY ${keys} HAVING count(*) > 1)`,
    );
    if ((found?.n ?? 0n) === 0n) continue;
    // Their places are gathered only now: gathering them for every key costs a text for each row.
    const doubled = await session.rows<{ places: string }>(
      `SELECT string_agg(_topic || '/' || _partition || '/' || _offset, ' ' ORDER BY _offset) AS places FROM (${rows}) GROUP BY ${keys} HAVING count(*) > 1 ORDER BY 1 LIMIT ${MAX_NAMED}`,
    );
    const count = Number(found?.n ?? 0n);
    breaks.push({
      kind: 'key-doubled',
      table: at.table.name,
      detail: `${count} keys have more than one current row`,
      count,
      offsets: doubled.flatMap(({ places }) => places.split(' ')).slice(0, MAX_NAMED),
    });
  }
  return breaks;
}
