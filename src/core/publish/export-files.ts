/**
 * Writes one snapshot of a table as plain Parquet for readers of Hive: timestamps in milliseconds, which they all know, and the partition in
 * the names of folders (`year=2018/month=01/day=31/`) instead of in the files.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import type { ObjectStore } from '../store/object-store.js';
import { eachBounded } from '../table/each-bounded.js';
import type { TableField } from '../table/table-api.js';

/** The partition columns of an export, coarse to fine. */
const PARTITION = ['year', 'month', 'day'] as const;
/** Days that one COPY writes: each open file costs some 350 KB per thread. */
const DAYS_IN_COPY = 64;
const CONCURRENT_PUTS = 16;

export interface ExportedFiles {
  readonly keys: readonly string[];
  readonly rows: number;
  readonly bytes: number;
  /** First and last year; null without partition or rows. */
  readonly years: readonly [number, number] | null;
}

export interface ExportSource {
  readonly table: string;
  /** SELECT of the snapshot's rows. */
  readonly sql: string;
  readonly fields: readonly TableField[];
  /** Column whose day is the partition; null: one folder. */
  readonly partitionColumn: string | null;
}

export interface ExportPlace {
  readonly store: ObjectStore;
  /** Key of the folder, without a slash at its end. */
  readonly folder: string;
}

/** Throws KS_CHECK_FAILED when rows have no day; then, and on any other failure, nothing is left behind. */
export async function exportFiles(
  session: DuckSession,
  source: ExportSource,
  { store, folder }: ExportPlace,
  onDays: (done: number, total: number) => void,
): Promise<ExportedFiles> {
  const stage = await mkdtemp(path.join(await store.stagingDir(), 'publish-'));
  const keys: string[] = [];
  let [rows, bytes] = [0, 0];
  const copy = async (select: string, target: string, options: string): Promise<void> => {
    const copied = await session.jsonRows<{
      readonly filename: string;
      readonly count: string;
      readonly file_size_bytes: string;
    }>(`COPY (${select}) TO ${quoteLiteral(target)} (FORMAT parquet, COMPRESSION snappy${options}, RETURN_STATS)`);
    const files = copied.filter(({ count }) => count !== '0');
    await eachBounded(files, CONCURRENT_PUTS, async ({ filename, count, file_size_bytes: size }) => {
      const inStage = path.relative(target, filename);
      const key = `${folder}/${inStage === '' ? path.basename(filename) : inStage.split(path.sep).join('/')}`;
      keys.push(key);
      await store.putFile(key, filename);
      rows += Number(count);
      bytes += Number(size);
    });
    await rm(target, { recursive: true, force: true });
  };
  const columns = source.fields.filter(({ name }) => source.partitionColumn === null || !isPartition(name)).map(columnSql);
  try {
    if (source.partitionColumn === null) {
      await copy(`SELECT ${columns.join(', ')} FROM (${source.sql})`, path.join(stage, 'all.parquet'), '');
      return { keys, rows, bytes, years: null };
    }
    const day = `CAST(${quoteIdentifier(source.partitionColumn)} AS DATE)`;
    const days = await daysOf(session, source, day);
    const parts = ['%Y', '%m', '%d'].map((format, n) => `strftime(${day}, '${format}') AS ${PARTITION[n]}`);
    for (let from = 0; from < days.length; from += DAYS_IN_COPY) {
      onDays(from, days.length);
      const group = days.slice(from, from + DAYS_IN_COPY);
      const column = quoteIdentifier(source.partitionColumn);
      const within = `${column} >= DATE '${group[0]}' AND ${column} < DATE '${group.at(-1)}' + INTERVAL 1 DAY`;
      await copy(
        `SELECT ${[...columns, ...parts].join(', ')} FROM (${source.sql}) WHERE ${within} ORDER BY ${day}`,
        path.join(stage, `days-${from}`),
        `, PARTITION_BY (${PARTITION.join(', ')}), FILENAME_PATTERN 'part_{uuid}', OVERWRITE_OR_IGNORE`,
      );
    }
    const [first, last] = [days[0], days.at(-1)];
    return {
      keys,
      rows,
      bytes,
      years: first === undefined || last === undefined ? null : [Number(first.slice(0, 4)), Number(last.slice(0, 4))],
    };
  } catch (error) {
    await store.delete(keys).catch(() => undefined); // the first error is the one that counts
    throw error;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

export const isPartition = (name: string): boolean => (PARTITION as readonly string[]).includes(name);

/** Cut, not rounded: a moment must not cross into the next day. */
const columnSql = ({ name, type }: TableField): string => {
  const column = quoteIdentifier(name);
  return type === 'timestamp' ? `CAST(date_trunc('milliseconds', ${column}) AS TIMESTAMP_MS) AS ${column}` : column;
};

/** Days with rows, `YYYY-MM-DD`, ordered. */
async function daysOf(
  session: DuckSession,
  { table, sql, partitionColumn }: ExportSource,
  day: string,
): Promise<readonly string[]> {
  const found = await session.jsonRows<{ readonly day: string | null; readonly n: string }>(
    `SELECT ${day}::VARCHAR AS day, count(*) AS n FROM (${sql}) GROUP BY 1 ORDER BY 1`,
  );
  const without = found.find((one) => one.day === null || !/^\d{4}-/.test(one.day));
  if (without !== undefined) {
    throw new KeystoneError(
      'KS_CHECK_FAILED',
      `${without.n} rows of ${table} have no day in ${partitionColumn} that a folder could be named by (${without.day ?? 'null'})`,
      {
        hint: `Make ${partitionColumn} required in the contract, or read the table as Iceberg, which needs no folders.`,
        details: { table, rows: Number(without.n) },
      },
    );
  }
  return found.map((one) => one.day ?? '');
}
