/** Which rows two snapshots of a table do not share, paired by key. Files that both hold are not opened; DuckDB spills what is large. */
import { jsonValueOf } from '../engine/duckdb/json-value.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import type { JsonValue } from '../engine/sql-engine.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import type { ObjectStore } from '../store/object-store.js';
import { scanSql } from '../table/scan-sql.js';
import type { DataFile, TableField } from '../table/table-api.js';

type Cells = Readonly<Record<string, JsonValue>>;

export interface DifferingRow {
  readonly change: 'added' | 'removed' | 'changed';
  /** Column → value; empty when the table has no key. */
  readonly key: Cells;
  /** What it was: of a changed row its differing columns, of a removed row all; null for an added one. */
  readonly from: Cells | null;
  /** What it is, alike; null for a removed row. */
  readonly to: Cells | null;
}

export interface DifferingRows {
  readonly key: readonly string[];
  /** In all, not only those in `rows`. */
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** By key. */
  readonly rows: readonly DifferingRow[];
}

export interface RowComparison {
  readonly fields: readonly TableField[];
  /** Columns that name a row; rows that share a key are paired in order of all their columns. Empty: rows are added or removed. */
  readonly key: readonly string[];
  /** Files of one snapshot alone. */
  readonly from: readonly DataFile[];
  readonly to: readonly DataFile[];
  /** Most rows to give. */
  readonly limit: number;
}

/** Rows that are in the files of both sides, however often they were rewritten, differ in nothing and are left out. */
export async function differingRows(session: DuckSession, store: ObjectStore, options: RowComparison): Promise<DifferingRows> {
  const { fields, key, limit } = options;
  const columns = fields.map(({ name }) => quoteIdentifier(name));
  const keys = key.map(quoteIdentifier);
  await session.run(`CREATE OR REPLACE TEMP VIEW was AS ${await scanSql(fields, options.from, store)}`);
  await session.run(`CREATE OR REPLACE TEMP VIEW now_is AS ${await scanSql(fields, options.to, store)}`);
  // Every copy of a row counts: two equal rows of which one went are one row removed. A side pairs with no row of its own side.
  const only = (here: string, there: string): string =>
    `SELECT *, ${quoteLiteral(here)} AS "#side", row_number() OVER (PARTITION BY ${keys.join(', ') || 'NULL'} ORDER BY ${columns.join(', ')}) AS "#copy"
     FROM (FROM ${here} EXCEPT ALL FROM ${there})`;
  const pairing =
    keys.length === 0
      ? 'gone."#side" = come."#side"'
      : [...keys, '"#copy"'].map((column) => `gone.${column} IS NOT DISTINCT FROM come.${column}`).join(' AND ');
  const cells = columns.flatMap((column, index) => [`gone.${column} AS "was${index}"`, `come.${column} AS "is${index}"`]);
  await session.run(`CREATE OR REPLACE TEMP TABLE gone AS ${only('was', 'now_is')}`);
  await session.run(`CREATE OR REPLACE TEMP TABLE come AS ${only('now_is', 'was')}`);
  await session.run(
    `CREATE OR REPLACE TEMP VIEW paired AS
     SELECT gone."#side" IS NOT NULL AS "was", come."#side" IS NOT NULL AS "is", ${cells.join(', ')}
     FROM gone FULL OUTER JOIN come ON ${pairing}`,
  );
  const [counts] = await session.rows<{ added: bigint; removed: bigint; changed: bigint }>(
    `SELECT count(*) FILTER (NOT "was") AS added, count(*) FILTER (NOT "is") AS removed,
       count(*) FILTER ("was" AND "is") AS changed FROM paired`,
  );
  const order = fields.flatMap(({ name }, index) =>
    keys.length === 0 || key.includes(name) ? [`coalesce("was${index}", "is${index}")`] : [],
  );
  const rows = await session.rows<Readonly<Record<string, never>>>(
    `FROM paired ORDER BY ${order.join(', ')} LIMIT ${Math.max(0, Math.trunc(limit))}`,
  );
  return {
    key,
    added: Number(counts?.added ?? 0n),
    removed: Number(counts?.removed ?? 0n),
    changed: Number(counts?.changed ?? 0n),
    rows: rows.map((row) => differingRow(row, fields, key)),
  };
}

function differingRow(row: Readonly<Record<string, never>>, fields: readonly TableField[], key: readonly string[]): DifferingRow {
  const side = (name: 'was' | 'is'): Cells | null =>
    row[name] === true
      ? Object.fromEntries(fields.map((field, index) => [field.name, jsonValueOf(row[`${name}${index}`] ?? null)]))
      : null;
  const [from, to] = [side('was'), side('is')];
  const either = to ?? from ?? {};
  const keyCells = Object.fromEntries(key.map((column) => [column, either[column] ?? null]));
  if (from === null || to === null) return { change: from === null ? 'added' : 'removed', key: keyCells, from, to };
  const differing = fields
    .map(({ name }) => name)
    .filter((name) => JSON.stringify(from[name] ?? null) !== JSON.stringify(to[name] ?? null));
  const pick = (cells: Cells): Cells => Object.fromEntries(differing.map((name) => [name, cells[name] ?? null]));
  return { change: 'changed', key: keyCells, from: pick(from), to: pick(to) };
}
