/** The rows of one gold model that a silver row flows into, as exactly as its columns tell. */
import type { Contract } from '../contract/contract.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import type { Model } from '../gold/model.js';
import { partitionLabel } from '../gold/partition-ordinal.js';
import { scanSql } from '../table/scan-sql.js';
import type { DataFile, Table, TableField } from '../table/table-api.js';
import type { AffectedDates } from './affected-dates.js';
import type { GoldFeed } from './traced-event.js';

type FoundRows = Omit<GoldFeed, 'model' | 'upToDate'>;

/** More rows than these are not searched for one event unless asked. */
const SEARCHED_ROWS = 2_000_000;
const SHOWN_ROWS = 20;

/**
 * By the dataset's key where the model has columns of these names; else by the model's grain where the row's columns (and the affected
 * date) give it; else the partitions of the affected dates; else the table.
 */
export async function findGoldRows(
  session: DuckSession,
  table: Table,
  model: Model,
  options: {
    readonly contract: Contract | undefined;
    readonly values: Readonly<Record<string, unknown>>;
    readonly affected: AffectedDates | null;
    readonly deep: boolean;
  },
): Promise<FoundRows> {
  const { contract, values, affected, deep } = options;
  const { fields } = await table.state();
  const scan = await table.scan();
  const files = affected === null ? scan.files : scan.files.filter((file) => affected.ordinals.includes(ordinalOf(file)));
  const partitions =
    affected === null ? [] : affected.ordinals.map((one) => partitionLabel(model.partition?.transform ?? 'day', one));
  const has = (column: string): boolean => fields.some(({ name }) => name === column);
  const key = contract && contract.key.length > 0 && contract.key.every(has) ? contract.key : null;
  const dated = affected !== null && model.partition !== null && model.grain.includes(model.partition.column);
  // Silver's own year, month and day are of its partition column, which need not be the model's.
  const isContracts = (column: string): boolean => contract?.columns.some(({ name }) => name === column) ?? false;
  const isGiven = (column: string): boolean =>
    (isContracts(column) && column in values) || (dated && column === model.partition?.column);
  const found = { partitions, rows: [], rowCount: 0, files: keysOf(table, files) };
  const condition = (columns: readonly string[]): string =>
    columns
      .map((column) =>
        dated && column === model.partition?.column
          ? `CAST(${quoteIdentifier(column)} AS DATE) IN (${affected.dates.map((date) => `DATE ${quoteLiteral(date)}`).join(', ') || 'NULL'})`
          : equals(column, values[column], fields),
      )
      .join(' AND ');

  const columns = key ?? (model.grain.every(isGiven) ? model.grain : null);
  if (!columns) {
    if (affected === null) {
      return { ...found, granularity: 'table', files: [], why: 'its rows are named by columns that the event does not have' };
    }
    const missing = model.grain.filter((column) => !isGiven(column));
    const known = dated ? affected.dates.map((date) => ({ [model.partition?.column ?? '']: date })) : [];
    return { ...found, granularity: 'partition', rows: known, why: `the event does not have ${missing.join(', ')}` };
  }
  const rowsToSearch = files.reduce((sum, file) => sum + file.recordCount, 0);
  if (!deep && rowsToSearch > SEARCHED_ROWS) {
    const granularity = affected === null ? 'table' : 'partition';
    return { ...found, granularity, files: [], why: `${rowsToSearch} rows would have to be searched: add --deep` };
  }
  const shown = [...new Set([...model.grain, ...columns])].filter(has).map(quoteIdentifier);
  const rows = await session.jsonRows<{ _path: string }>(
    `SELECT ${shown.join(', ')}, _path FROM (${await scanSql(fields, files, table.store, { filePathColumn: '_path' })})
     WHERE ${condition(columns)} ORDER BY ALL LIMIT 10000`,
  );
  const paths = new Set(rows.map(({ _path }) => _path));
  return {
    ...found,
    granularity: rows.length === 0 ? 'none' : 'row',
    rows: rows.slice(0, SHOWN_ROWS).map((row) => withoutPath(row)),
    rowCount: rows.length,
    files: keysOf(
      table,
      files.filter(({ path }) => paths.has(path)),
    ),
    why: null,
  };
}

const withoutPath = (row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(row).filter(([name]) => name !== '_path'));

/** The one partition value of a gold file. */
const ordinalOf = (file: DataFile): number | null => {
  const [value] = Object.values(file.partition);
  return typeof value === 'number' ? value : null;
};

const keysOf = ({ store }: Table, files: readonly DataFile[]): readonly string[] => files.map(({ path }) => store.keyOf(path));

/** Text for text; anything else is cast by the engine to the type of the column. */
function equals(column: string, value: unknown, fields: readonly TableField[]): string {
  const name = quoteIdentifier(column);
  if (value === null || value === undefined) return `${name} IS NULL`;
  const text = quoteLiteral(String(value));
  return fields.find((field) => field.name === column)?.type === 'string'
    ? `${name} = ${text}`
    : `${name} = TRY_CAST(${text} AS ${columnTypeSql(fields, column)})`;
}

function columnTypeSql(fields: readonly TableField[], column: string): string {
  const type = fields.find((field) => field.name === column)?.type;
  if (typeof type !== 'string') return 'VARCHAR';
  return type === 'int' ? 'INTEGER' : type === 'long' ? 'BIGINT' : type === 'binary' ? 'BLOB' : type.toUpperCase();
}
