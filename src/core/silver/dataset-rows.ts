/** The rows of one dataset in a range: typed, settled by version, and what of current silver must leave for them. */
import type { Contract } from '../contract/contract.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import { scanSql } from '../table/scan-sql.js';
import type { DataFile, Table } from '../table/table-api.js';
import type { Derivation } from './derivation.js';
import { RANGE_ROWS } from './read-range.js';
import { REPEATED } from './repeated-events.js';
import { settleVersions } from './settle-versions.js';
import { LINEAGE_COLUMNS } from './silver-table.js';
import { POSITION_COLUMNS, typedRowsSql } from './typed-rows-sql.js';

/** Working tables of one dataset; `typed` also names `_winners` and `_losers` when the dataset has a key. */
export interface DatasetRows {
  readonly contract: Contract;
  readonly typed: string;
  /** Table `(_path, _topic, _partition, _offset, _event_id)` of current silver rows that are superseded. */
  readonly leaving: string;
  readonly leavingPaths: readonly string[];
  readonly winnerCount: number;
}

const POSITION = ['_topic', '_partition', '_offset'] as const;
const samePosition = (a: string, b: string): string => POSITION.map((column) => `${a}.${column} = ${b}.${column}`).join(' AND ');

export async function prepareDataset(derivation: Derivation, contract: Contract, index: number): Promise<DatasetRows> {
  const { session, seen, tables } = derivation;
  const typed = `typed_${index}`;
  const leaving = `${typed}_leaving`;
  const source = `(SELECT ${POSITION_COLUMNS.join(', ')}, _text FROM ${RANGE_ROWS} r
    WHERE dataset = ${quoteLiteral(contract.dataset)} AND _class IS NULL AND is_object
      AND NOT EXISTS (SELECT 1 FROM ${REPEATED} d WHERE ${samePosition('d', 'r')}))`;
  await session.run(`CREATE OR REPLACE TEMP TABLE ${typed} AS ${typedRowsSql(contract, source)}`);
  await session.run(
    `CREATE OR REPLACE TEMP TABLE ${leaving} (_path VARCHAR, _topic VARCHAR, _partition INTEGER, _offset BIGINT, _event_id VARCHAR)`,
  );
  let leavingPaths: readonly string[] = [];
  let winners = `(SELECT 1 FROM ${typed} WHERE _reasons IS NULL)`;
  if (contract.key.length > 0) {
    await settleVersions(session, contract, seen, typed);
    leavingPaths = await findLeaving(derivation, tables.silver.get(contract.dataset) as Table, typed, leaving);
    winners = `${typed}_winners`;
  }
  const [counted] = await session.rows<{ n: bigint }>(`SELECT count(*) AS n FROM ${winners}`);
  return { contract, typed, leaving, leavingPaths, winnerCount: Number(counted?.n ?? 0n) };
}

/** The same rows with the files in which superseded rows lie now: a compaction may have moved them since. */
export async function withFilesOfNow(derivation: Derivation, rows: DatasetRows): Promise<DatasetRows> {
  const { contract, typed, leaving } = rows;
  const silver = derivation.tables.silver.get(contract.dataset) as Table;
  return { ...rows, leavingPaths: await findLeaving(derivation, silver, typed, leaving) };
}

/** Finds the files of superseded current rows: by offset bounds, then by a scan of the positions. */
async function findLeaving(
  { session, store }: Derivation,
  silver: Table,
  typed: string,
  leaving: string,
): Promise<readonly string[]> {
  const spans = await session.rows<{ part: number; low: bigint; high: bigint; n: bigint }>(
    `SELECT _partition AS part, min(_offset) AS low, max(_offset) AS high, count(*) AS n FROM ${typed}_losers WHERE is_current GROUP BY 1`,
  );
  await session.run(`DELETE FROM ${leaving}`);
  if (spans.length === 0) return [];
  const files = new Map<string, DataFile>();
  // One snapshot for all spans: a compaction in between would show the same rows in two files.
  const state = await silver.state();
  const snapshot = state.currentSnapshot ? { snapshotId: state.currentSnapshot.id } : {};
  for (const { part, low, high } of spans) {
    const scan = await silver.scan({
      ...snapshot,
      bounds: [
        { column: '_partition', min: part, max: part },
        { column: '_offset', min: low, max: high },
      ],
    });
    for (const file of scan.files) files.set(file.path, file);
  }
  const rows = await scanSql(state.fields, [...files.values()], store, { filePathColumn: '_path' });
  await session.run(`INSERT INTO ${leaving} SELECT _path, ${POSITION.join(', ')}, _event_id FROM (${rows}) s
    WHERE EXISTS (SELECT 1 FROM ${typed}_losers l WHERE is_current AND ${samePosition('l', 's')})`);
  const [found] = await session.rows<{ n: bigint }>(`SELECT count(*) AS n FROM ${leaving}`);
  const expected = spans.reduce((sum, { n }) => sum + n, 0n);
  if (found?.n !== expected) {
    throw new KeystoneError(
      'KS_TABLE_CORRUPT',
      `${silver.name}: ${expected} rows are to be superseded, but its files hold ${found?.n ?? 0n} of them`,
      {
        hint: 'keystone ledger verify --deep',
      },
    );
  }
  const paths = await session.rows<{ _path: string }>(`SELECT DISTINCT _path FROM ${leaving} ORDER BY 1`);
  return paths.map(({ _path }) => _path);
}

/** SELECT of everything the silver commit adds: the winners, and the rows that stay from files which are rewritten. */
export async function silverRowsSql({ store }: Derivation, rows: DatasetRows, silver: Table): Promise<string> {
  const { contract, typed, leaving, leavingPaths } = rows;
  const columns = contract.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  const lineage = LINEAGE_COLUMNS.join(', ');
  const parts = contract.partition
    ? ['year', 'month', 'day']
        .map((part) => `, ${part}(${quoteIdentifier(contract.partition?.column ?? '')})::INTEGER AS ${part}`)
        .join('')
    : '';
  const winners = contract.key.length > 0 ? ` AND EXISTS (SELECT 1 FROM ${typed}_winners w WHERE ${samePosition('w', 't')})` : '';
  const fresh = `SELECT ${columns}, ${lineage}${parts} FROM ${typed} t WHERE _reasons IS NULL${winners}`;
  if (leavingPaths.length === 0) return fresh;
  const leavingFiles = new Set(leavingPaths);
  const { files } = await silver.scan();
  const rewritten = files.filter((file) => leavingFiles.has(file.path));
  const kept = await scanSql((await silver.state()).fields, rewritten, store);
  return `${fresh} UNION ALL BY NAME
    SELECT ${columns}, ${lineage}${contract.partition ? ', year, month, day' : ''} FROM (${kept}) s
    WHERE NOT EXISTS (SELECT 1 FROM ${leaving} l WHERE ${samePosition('l', 's')})`;
}

/** Unknown fields of the dataset in this range: field → events. */
export async function driftOf({ session }: Derivation, { typed }: DatasetRows): Promise<Readonly<Record<string, number>>> {
  const found = await session.rows<{ name: string; n: bigint }>(
    `SELECT name, count(*) AS n FROM (SELECT unnest(_extra) AS name FROM ${typed} WHERE _extra IS NOT NULL) GROUP BY 1 ORDER BY n DESC, name LIMIT 100`,
  );
  return Object.fromEntries(found.map(({ name, n }) => [name, Number(n)]));
}
