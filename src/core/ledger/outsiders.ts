/**
 * Part of the deep account: rows of silver whose lineage names a place that was never landed. Another engine can insert rows and must give
 * them some lineage; the stretches of bronze's own offsets would not meet them.
 */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteLiteral } from '../engine/sql-text.js';
import type { Lakehouse } from '../lakehouse.js';
import { scanSql } from '../table/scan-sql.js';
import { decodeBound } from '../table/single-value.js';
import type { DataFile, TableField } from '../table/table-api.js';
import { type AccountBreak, MAX_NAMED, type PartitionAccount } from './account.js';
import type { AccountCut } from './account-cut.js';

/** `unreadable`: paths of data files that cannot be opened and are left out. */
export async function outsiders(
  lakehouse: Lakehouse,
  session: DuckSession,
  cut: AccountCut,
  partitions: readonly PartitionAccount[],
  unreadable: ReadonlySet<string>,
): Promise<readonly AccountBreak[]> {
  const store = await lakehouse.store();
  const known = partitions.map(
    (one) =>
      `(_topic = ${quoteLiteral(one.topic)} AND _partition = ${one.partition} AND _offset >= 0 AND _offset < ${endOf(one)})`,
  );
  const breaks: AccountBreak[] = [];
  for (const [name, { table, snapshot, state }] of cut.tables) {
    if (!name.startsWith('silver.') || !snapshot) continue;
    const { files } = await table.scan({ snapshotId: snapshot.id });
    const doubtful = files.filter((file) => !unreadable.has(file.path) && !isInside(file, state.fields, partitions));
    if (doubtful.length === 0) continue;
    const rows = `FROM (${await scanSql(state.fields, doubtful, store)}) WHERE (${known.join(' OR ') || 'false'}) IS NOT TRUE`;
    const [counted] = await session.rows<{ n: bigint }>(`SELECT count(*) AS n ${rows}`);
    const count = Number(counted?.n ?? 0n);
    if (count === 0) continue;
    const named = await session.rows<{ place: string }>(
      `SELECT DISTINCT concat_ws('/', _topic, _partition, _offset) AS place ${rows} ORDER BY 1 LIMIT ${MAX_NAMED}`,
    );
    breaks.push({
      kind: 'foreign',
      table: name,
      detail: `${count} rows name places that no event of bronze has: another writer put them in`,
      count,
      offsets: named.map(({ place }) => place),
    });
  }
  return breaks;
}

/** What lies below is judged offset by offset. */
const endOf = ({ bronzeNext, processedNext }: PartitionAccount): number => Math.max(bronzeNext, processedNext);

/** Told by the file's bounds alone: all of its rows are of one topic, and of offsets that each of its partitions has. */
function isInside(file: DataFile, fields: readonly TableField[], partitions: readonly PartitionAccount[]): boolean {
  const boundsOf = (name: string): readonly [unknown, unknown] => {
    const field = fields.find((each) => each.name === name);
    if (typeof field?.type !== 'string') return [null, null];
    const [lower, upper] = [file.metrics.lowerBounds?.get(field.id), file.metrics.upperBounds?.get(field.id)];
    return [lower ? decodeBound(field.type, lower) : null, upper ? decodeBound(field.type, upper) : null];
  };
  const [topic, lastTopic] = boundsOf('_topic');
  const [first, last] = boundsOf('_partition').map(Number);
  const [from, to] = boundsOf('_offset').map(Number);
  if (typeof topic !== 'string' || topic !== lastTopic || !(Number(from) >= 0)) return false;
  for (let partition = Number(first); partition <= Number(last); partition += 1) {
    const one = partitions.find((each) => each.topic === topic && each.partition === partition);
    if (!one || Number(to) >= endOf(one)) return false;
  }
  return Number(first) <= Number(last);
}
