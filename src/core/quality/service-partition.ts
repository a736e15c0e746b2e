/**
 * A partition of silver in Athena or Trino: one statement and one scan count all checks, a second one fetches samples where a check
 * failed. The predicate stands on the partition's own column, so other partitions are not read.
 */
import { z } from 'zod';
import type { ColumnType, Contract } from '../contract/contract.js';
import { snapshotRelation } from '../engine/snapshot-relation.js';
import { quoteIdentifier } from '../engine/sql-text.js';
import type { StatementAnswer, StatementEngine, StatementPurpose } from '../engine/statement-engine.js';
import { KeystoneError } from '../errors.js';
import { LINEAGE_COLUMNS, silverTable } from '../silver/silver-table.js';
import type { Table, TableField } from '../table/table-api.js';
import type { FailureCounts } from './count-failures.js';
import type { PartitionRange } from './partition-range.js';
import type { PartitionRows } from './partition-rows.js';
import type { PlannedCheck } from './planned-check.js';
import { failingRow, type FailingRow, shownColumns } from './sample-failures.js';

export interface ServicePartitionOptions {
  readonly engine: StatementEngine;
  readonly table: Table;
  readonly contract: Contract;
  readonly range: PartitionRange;
  /** Bytes; a statement that is estimated to read more is not run. */
  readonly maxScan?: number;
  readonly signal?: AbortSignal;
  readonly onScanned?: (bytes: number) => void;
}

/** Lists of texts, one for each row. */
const sampledRows = z.array(z.array(z.string().nullable()));

/** null when the table has no snapshot. */
export async function servicePartition(options: ServicePartitionOptions): Promise<PartitionRows | null> {
  const { engine, table, contract, range, signal, onScanned } = options;
  const { fields, currentSnapshot } = await table.state();
  if (!currentSnapshot) return null;
  const { files } = await table.scan({ ...range.scan, snapshotId: currentSnapshot.id });
  const estimatedBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const { maxScan } = options;
  const purpose: StatementPurpose = {
    command: 'validate partition',
    tables: [{ table: table.name, estimatedBytes }],
    ...(maxScan === undefined ? {} : { maxScan }),
  };
  // Columns that the table lacks so far have no id in it, and are null.
  const columns = silverTable(contract)
    .fields.filter((field) => isLineage(field.name) || contract.columns.some((column) => column.name === field.name))
    .map((field): TableField => ({ ...field, id: fields.find(({ name }) => name === field.name)?.id ?? -1 }));
  const rows = await snapshotRelation(engine, {
    table,
    snapshotId: currentSnapshot.id,
    fields: columns,
    where: range.rowsSql,
  });
  let bytesScanned = 0;
  const execute = async (sql: string): Promise<StatementAnswer> => {
    const size = Buffer.byteLength(sql);
    if (size > engine.maxStatementBytes) {
      throw new KeystoneError(
        'KS_CONTRACT',
        `${contract.path}: its checks make a statement of ${size} bytes, and ${engine.name} takes ${engine.maxStatementBytes}`,
        { hint: 'shorten the checks, or validate with --engine duckdb' },
      );
    }
    const before = bytesScanned;
    const answer = await engine.execute(sql, {
      purpose,
      ...(signal ? { signal } : {}),
      onProgress: (progress) => onScanned?.(before + progress.bytesScanned),
    });
    bytesScanned += answer.bytesScanned;
    return answer;
  };
  return {
    count: async (checks) => countsOf(await execute(countSql(rows, checks)), checks),
    sample: async (checks, limit) => {
      const shown = [...new Set(checks.flatMap((check) => shownColumns(check, contract.key)))];
      const { rows: found } = await execute(sampleSql(rows, checks, [...POSITION, ...shown], limit));
      return new Map(
        checks.map((check, index) => {
          const text = found[0]?.[`s${index}`];
          const values = typeof text === 'string' ? sampledRows.parse(JSON.parse(text)) : [];
          const named = values.map((row) => typedRow([...POSITION, ...shown], row, contract));
          return [check.name, named.map((row): FailingRow => failingRow(check, contract.key, row))];
        }),
      );
    },
    bytesScanned: () => bytesScanned,
  };
}

const POSITION = ['_topic', '_partition', '_offset', '_event_id'];
const isLineage = (name: string): boolean => (LINEAGE_COLUMNS as readonly string[]).includes(name);

const anyNull = (columns: readonly string[]): string => `(${columns.map((column) => `${column} IS NULL`).join(' OR ')})`;

/**
 * One row: `n` rows, `f<i>` failing ones of the i-th row check, `u<j>` of the j-th uniqueness check. Grouping sets see each row once for
 * each key and once for the whole, out of one scan.
 */
function countSql(rows: string, checks: readonly PlannedCheck[]): string {
  const rowChecks = checks.filter(({ failsSql }) => failsSql !== null);
  const unique = checks.filter(({ kind }) => kind === 'unique');
  const keyColumns = [...new Set(unique.flatMap(({ columns }) => columns))];
  const alias = (column: string): string => `k${keyColumns.indexOf(column)}`;
  const flags = rowChecks.map((check, index) => `${check.failsSql} AS f${index}`);
  const keys = keyColumns.map((column) => `${quoteIdentifier(column)} AS ${alias(column)}`);
  const verdicts = `SELECT ${[...flags, ...keys, 'true AS present'].join(', ')} FROM ${rows} AS silver_rows`;
  const counts = ['count(*) AS n', ...rowChecks.map((_, index) => `count_if(f${index}) AS f${index}`)];
  if (unique.length === 0) return `SELECT ${counts.join(', ')} FROM (${verdicts}) AS verdicts`;
  const sets = new Set(unique.map(({ columns }) => columns.map(alias).toSorted().join(', ')));
  const aliases = keyColumns.map(alias);
  const groups =
    `SELECT grouping(${aliases.join(', ')}) AS g, ${[...aliases, ...counts].join(', ')} FROM (${verdicts}) AS verdicts ` +
    `GROUP BY GROUPING SETS ((), ${[...sets].map((set) => `(${set})`).join(', ')})`;
  /** Of the columns in order, the first is the highest bit; a bit is set where the column is not in the grouping. */
  const mask = (present: readonly string[]): bigint =>
    keyColumns.reduce((bits, column) => bits * 2n + (present.includes(column) ? 0n : 1n), 0n);
  const total = (column: string, index = ''): string =>
    `coalesce(sum(${column}) FILTER (WHERE g = ${mask([])}), 0) AS ${column}${index}`;
  const repeated = unique.map(
    ({ columns }, index) =>
      `coalesce(sum(n) FILTER (WHERE g = ${mask(columns)} AND n > 1 AND NOT ${anyNull(columns.map(alias))}), 0) AS u${index}`,
  );
  const totals = [total('n'), ...rowChecks.map((_, index) => total(`f${index}`))];
  return `SELECT ${[...totals, ...repeated].join(', ')} FROM (${groups}) AS key_groups`;
}

function countsOf({ rows: [row] }: StatementAnswer, checks: readonly PlannedCheck[]): FailureCounts {
  const number = (name: string): number => Number(row?.[name] ?? 0);
  const rowChecks = checks.filter(({ failsSql }) => failsSql !== null);
  const unique = checks.filter(({ kind }) => kind === 'unique');
  const failing = [
    ...rowChecks.map((check, index) => [check.name, number(`f${index}`)] as const),
    ...unique.map((check, index) => [check.name, number(`u${index}`)] as const),
  ];
  return { rows: number('n'), failing: new Map(failing) };
}

/** One row: `s<i>` is the JSON of the i-th check's first rows, each a list of texts; null where none fails. */
function sampleSql(rows: string, checks: readonly PlannedCheck[], columns: readonly string[], limit: number): string {
  const flags = checks.map((check, index) => {
    const names = check.columns.map(quoteIdentifier);
    const fails = check.failsSql ?? `(NOT ${anyNull(names)} AND count(*) OVER (PARTITION BY ${names.join(', ')}) > 1)`;
    return `${fails} AS s${index}`;
  });
  const texts = columns.map((column) => `CAST(${quoteIdentifier(column)} AS VARCHAR)`);
  const judged =
    `SELECT ROW(_topic, _partition, _offset) AS place, ARRAY[${texts.join(', ')}] AS texts, ${flags.join(', ')} ` +
    `FROM ${rows} AS silver_rows`;
  const samples = checks.map(
    (_, index) => `json_format(CAST(min_by(texts, place, ${limit}) FILTER (WHERE s${index}) AS JSON)) AS s${index}`,
  );
  return `SELECT ${samples.join(', ')} FROM (${judged}) AS judged`;
}

/** Values as DuckDB's JSON gives them. */
function typedRow(columns: readonly string[], texts: readonly (string | null)[], contract: Contract): Record<string, unknown> {
  const types = new Map(contract.columns.map((column) => [column.name, column.type]));
  return Object.fromEntries(columns.map((column, n) => [column, valueOf(texts[n] ?? null, types.get(column))]));
}

function valueOf(text: string | null, type: ColumnType | undefined): unknown {
  if (text === null) return null;
  switch (type?.kind) {
    case 'boolean':
      return text === 'true';
    case 'integer':
      return Number(text);
    case 'double': {
      const number = Number(text);
      return Number.isFinite(number) ? number : text;
    }
    case 'timestamp':
      return text.replace(/\.?0+$/, (zeros) => (text.includes('.') ? '' : zeros));
    default:
      return text;
  }
}
