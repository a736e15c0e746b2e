/**
 * How many bytes a statement will read, before it runs: from Keystone's own manifests, the files that its conditions keep, and of each the
 * columns that it names. No data file is opened.
 */
import { isKeystoneError } from '../errors.js';
import type { TableReference } from '../engine/statement/query-outline.js';
import { readStatement } from '../engine/statement/read-statement.js';
import type { DataFile, IcebergType, Table, TableField, TableName, TableScan, TableState } from '../table/table-api.js';
import { columnsRead, demandsOf } from './table-demands.js';
import type { Demand } from './condition-tree.js';
import { timesRead } from './times-read.js';

export interface TableEstimate {
  readonly table: TableName;
  /** What is read of the files kept, as often as they are. */
  readonly bytes: number;
  readonly files: number;
  /** Bytes and files of the whole table. */
  readonly tableBytes: number;
  readonly tableFiles: number;
  /** Columns that are read, of all. */
  readonly columns: number;
  readonly tableColumns: number;
  /** Columns by which whole files are skipped; empty when the table has no partitions. */
  readonly partitionColumns: readonly string[];
  /** A condition on one of them lets files be skipped. */
  readonly isPruned: boolean;
}

export interface ScanEstimate {
  readonly bytes: number;
  /** One for each time that a table is named. */
  readonly tables: readonly TableEstimate[];
}

/** DuckDB reads byte ranges of files; Athena and Trino, which bill and are limited, read more than the columns named. */
export type Reader = 'duckdb' | 'athena' | 'trino';

/** What Trino reads of a Parquet file at least: a smaller one whole (`parquet.small-file-threshold`), of a larger one its end. */
const READ_WHOLE = 3 * 1024 * 1024;
const FOOTER = 48 * 1024;

export interface LakeTables {
  table(name: TableName): Promise<Table | null>;
  readonly config: { readonly profile: { readonly catalog: { readonly glue: { readonly databasePrefix: string } } } };
}

/** Null when the statement can't be followed (the engine will say what is wrong with it), or names what is no table. */
export async function estimateScan(lake: LakeTables, sql: string, reader: Reader): Promise<ScanEstimate | null> {
  const read = readStatement(sql);
  if (read.kind === 'describe' || read.kind === 'showTables') return { bytes: 0, tables: [] };
  if (read.kind === 'refused') return null;
  if (read.explains) return { bytes: 0, tables: [] };
  const known = new Map<TableName, { readonly table: Table; readonly state: TableState }>();
  const nameOf = (reference: TableReference): TableName =>
    tableNameOf(reference, lake.config.profile.catalog.glue.databasePrefix);
  for (const reference of read.tables) {
    const name = nameOf(reference);
    if (known.has(name)) continue;
    const table = reference.parts.length < 2 ? null : await lake.table(name);
    if (!table) return null;
    known.set(name, { table, state: await table.state() });
  }
  const fieldsOf = (reference: TableReference): readonly TableField[] => known.get(nameOf(reference))?.state.fields ?? [];
  const tables: TableEstimate[] = [];
  // DuckDB keeps the rows of a common table that is used twice.
  const times = reader === 'duckdb' ? () => 1 : timesRead(read);
  for (const reference of read.tables) {
    const found = known.get(nameOf(reference));
    if (!found) return null;
    const { table, state } = found;
    const names = new Map(state.fields.map(({ name }) => [name.toLowerCase(), name]));
    // A bare column is that of the only table of this SELECT that has it.
    const rivals = read.tables.filter((other) => other !== reference && other.query === reference.query);
    const isRivals = (column: string): boolean =>
      rivals.some((other) => fieldsOf(other).some(({ name }) => name.toLowerCase() === column));
    const demands = demandsOf(read, reference, (column) => names.has(column)).filter(
      ({ qualifier, column }) => qualifier !== null || !isRivals(column),
    );
    const columns = columnsRead(read, reference, [...names.keys()]);
    const whole = await table.scan();
    const kept = demands.length === 0 ? whole : await scanWithin(table, demands, names, whole);
    const partitionColumns = pruningColumns(state);
    tables.push({
      table: nameOf(reference),
      bytes:
        times(reference.query) *
        kept.files.reduce((sum, file) => sum + bytesRead(file, state.fields, new Set(columns), reader), 0),
      files: kept.files.length,
      tableBytes: whole.sizeBytes,
      tableFiles: whole.files.length,
      columns: columns.length,
      tableColumns: names.size,
      partitionColumns,
      isPruned: demands.some(({ column }) => partitionColumns.some((each) => each.toLowerCase() === column)),
    });
  }
  return { bytes: tables.reduce((sum, { bytes }) => sum + bytes, 0), tables };
}

/** Also as Glue names its database, and with a catalog before it. */
export function tableNameOf({ parts }: TableReference, prefix: string): TableName {
  const [database = '', table = ''] = parts.slice(-2);
  return `${prefix !== '' && database.startsWith(prefix) ? database.slice(prefix.length) : database}.${table}`;
}

/** A bound that is no value of its column's type is left to the engine. */
async function scanWithin(
  table: Table,
  demands: readonly Demand[],
  names: ReadonlyMap<string, string>,
  whole: TableScan,
): Promise<TableScan> {
  let kept = whole.files;
  for (const { column, min, max } of demands) {
    try {
      const bound = {
        column: names.get(column) ?? column,
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
      };
      const paths = new Set((await table.scan({ bounds: [bound] })).files.map((file) => file.path));
      kept = kept.filter((file) => paths.has(file.path));
    } catch (error) {
      if (!isKeystoneError(error) || (error.code !== 'KS_USAGE' && error.code !== 'KS_NOT_FOUND')) throw error;
    }
  }
  return { ...whole, files: kept };
}

const PLAIN_PARTS = ['year', 'month', 'day'];

/** Sources of the partition fields; tables that lie by time also hold plain year, month, day, each file one of them. */
function pruningColumns({ partition, fields }: TableState): readonly string[] {
  const sources = partition.map(({ column }) => column);
  if (sources.length === 0) return [];
  const plain = fields.map(({ name }) => name).filter((name) => PLAIN_PARTS.includes(name));
  return [...new Set([...sources, ...plain])];
}

function bytesRead(file: DataFile, fields: readonly TableField[], read: ReadonlySet<string>, reader: Reader): number {
  const columns = bytesOf(file, fields, read);
  if (reader === 'duckdb') return columns;
  // Counting rows alone takes the end of a file at most.
  if (read.size === 0) return Math.min(file.sizeBytes, FOOTER);
  return file.sizeBytes <= READ_WHOLE ? file.sizeBytes : Math.min(file.sizeBytes, columns + FOOTER);
}

/** By the columns' sizes where the manifest has them, else as many parts of the file as columns. */
function bytesOf({ metrics, sizeBytes }: DataFile, fields: readonly TableField[], read: ReadonlySet<string>): number {
  const wanted = fields.filter(({ name }) => read.has(name.toLowerCase()));
  const sizes = metrics.columnSizes;
  if (!sizes || sizes.size === 0) return Math.round((sizeBytes * wanted.length) / Math.max(1, fields.length));
  return wanted.flatMap((field) => [field.id, ...idsWithin(field.type)]).reduce((sum, id) => sum + (sizes.get(id) ?? 0), 0);
}

function idsWithin(type: IcebergType): readonly number[] {
  if (typeof type === 'string') return [];
  if (type.kind === 'list') return [type.elementId, ...idsWithin(type.element)];
  return type.fields.flatMap((field) => [field.id, ...idsWithin(field.type)]);
}
