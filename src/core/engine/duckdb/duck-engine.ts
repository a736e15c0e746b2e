/**
 * `SqlEngine` on DuckDB: each query sees views over the snapshots that were current when it began. The session is closed to
 * everything but the given folders before the first query, so a query can neither write nor read outside the lake.
 */
import { isKeystoneError, KeystoneError } from '../../errors.js';
import type { ObjectStore } from '../../store/object-store.js';
import type { Table, TableName } from '../../table/table-api.js';
import type { JsonValue, QueryOptions, QueryResult, SqlEngine } from '../sql-engine.js';
import { quoteLiteral } from '../sql-text.js';
import { loadAthenaPrelude, useDialect } from './athena-prelude.js';
import { type ChunkStream, openChunkStream } from './chunk-stream.js';
import type { DuckSession } from './duck-session.js';
import { withoutGlob } from './glob-path.js';
import { jsonValueOf } from './json-value.js';
import { createLakeView } from './lake-view.js';
import { placeOf, sqlFailure } from './sql-failure.js';
import { parseStatement, type ParsedStatement } from './statement-relations.js';

export interface DuckEngineOptions {
  /** The engine's own session; closed with the engine. */
  readonly session: DuckSession;
  readonly tableNames: () => Promise<readonly TableName[]>;
  readonly table: (name: TableName) => Promise<Table | null>;
  readonly store: ObjectStore;
  /** Absolute folders that hold data files: all that the session may read. */
  readonly readableFolders: readonly string[];
}

/** Functions in FROM that touch neither files nor settings. */
const TABLE_FUNCTIONS = new Set(
  `range generate_series unnest repeat repeat_row json_each json_tree duckdb_columns duckdb_functions duckdb_keywords duckdb_tables
   duckdb_types duckdb_views pragma_table_info pragma_version`.split(/\s+/),
);

/** DuckDB's own SHOW TABLES knows the schema `main` alone, where the lake has nothing. */
const SHOW_TABLES = "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables ORDER BY name";

type Query = ParsedStatement & { readonly kind: 'query' };

export async function openDuckEngine(options: DuckEngineOptions): Promise<SqlEngine> {
  const { session } = options;
  // Both the path as a query writes it (escaped) and the path that comes of it are looked up among the allowed ones.
  const allowed = new Set(options.readableFolders.flatMap((folder) => [folder, withoutGlob(folder)]));
  await session.run(`SET allowed_directories = [${[...allowed].map(quoteLiteral).join(', ')}]`);
  await session.run('SET enable_external_access = false');
  await loadAthenaPrelude(session);
  /** Metadata location and bytes of each table's view, so that an unchanged table costs one catalog read. */
  const views = new Map<TableName, { readonly metadataLocation: string; readonly sizeBytes: number }>();
  /** One query at a time: the views belong to the query that refreshed them. */
  let last: Promise<unknown> = Promise.resolve();

  /** Bytes of the table's files. */
  const refreshView = async (name: TableName): Promise<number> => {
    const table = await options.table(name);
    if (!table) throw await unknownTable(name);
    const state = await table.state();
    const known = views.get(name);
    if (known?.metadataLocation === state.metadataLocation) return known.sizeBytes;
    const { currentSnapshot } = state;
    const scan = currentSnapshot ? await table.scan({ snapshotId: currentSnapshot.id }) : { files: [], sizeBytes: 0 };
    await createLakeView(session, name, state.fields, scan.files, options.store);
    views.set(name, { metadataLocation: state.metadataLocation, sizeBytes: scan.sizeBytes });
    return scan.sizeBytes;
  };

  const unknownTable = async (name: string): Promise<KeystoneError> => {
    const existing = await options.tableNames();
    const sameName = existing.filter((table) => table.endsWith(`.${name.toLowerCase()}`));
    const listed =
      existing.length > 0
        ? `tables: ${existing.join(', ')}`
        : 'the lake has no tables yet: keystone consume run --until-caught-up';
    return new KeystoneError('KS_NOT_FOUND', `there is no table ${name}`, {
      hint: sameName.length > 0 ? `write ${sameName.join(' or ')}` : listed,
      details: { table: name, tables: existing },
    });
  };

  const parse = async (sql: string): Promise<Query> => {
    const parsed = await parseStatement(session, sql);
    if (parsed.kind === 'syntaxError') {
      const place = parsed.position === null ? null : placeOf(sql, parsed.position);
      const where = place ? ` (line ${place.line}, column ${place.column})` : '';
      throw new KeystoneError('KS_SQL', `Parser Error: ${parsed.message}${where}`, {
        details: { ...place, sql: sql.slice(0, 500) },
      });
    }
    if (parsed.kind === 'refused') {
      throw new KeystoneError('KS_SQL', `the statement was refused: ${parsed.reason}`, {
        hint: 'give one SELECT, WITH, VALUES, FROM, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN',
      });
    }
    const outside = parsed.tableFunctions.find((name) => !TABLE_FUNCTIONS.has(name));
    if (outside !== undefined) {
      throw new KeystoneError('KS_SQL', `the statement was refused: ${outside} reads what is no table of the lake`, {
        hint: 'read tables by name, e.g. silver.orders; keystone table list names them',
      });
    }
    const bareName = parsed.bareNames[0];
    if (bareName !== undefined) throw await unknownTable(bareName);
    return parsed;
  };

  /** Runs a statement and gives what `read` makes of its rows, which are fetched there. */
  const run = async <Result>(
    given: string,
    queryOptions: QueryOptions,
    read: (stream: ChunkStream) => Promise<Result>,
  ): Promise<Result & { readonly bytesScanned: number }> => {
    const sql = /^\s*show\s+tables\s*;?\s*$/i.test(given) ? SHOW_TABLES : given;
    if (queryOptions.signal?.aborted) throw new KeystoneError('KS_INTERRUPTED', 'the query was stopped before it began');
    const parsed = await parse(sql);
    if (parsed.extractsWeekday && queryOptions.dialect === 'athena') {
      throw new KeystoneError('KS_SQL', 'EXTRACT(DOW FROM x) counts from Sunday in DuckDB and from Monday in Athena', {
        hint: 'write day_of_week(x): Monday is 1, Sunday 7',
      });
    }
    const tables = new Set(parsed.tables);
    let bytesScanned = 0;
    for (const name of tables) bytesScanned += await refreshView(name);
    if (parsed.readsCatalog) for (const name of await options.tableNames()) if (!tables.has(name)) await refreshView(name);
    await useDialect(session, queryOptions.dialect ?? 'engine');
    const interrupt = (): void => session.connection.interrupt();
    queryOptions.signal?.addEventListener('abort', interrupt, { once: true });
    try {
      const stream = await openChunkStream(session, sql, queryOptions.signal);
      try {
        const answer = await read(stream);
        queryOptions.signal?.throwIfAborted();
        return { ...answer, bytesScanned };
      } finally {
        await stream.close();
      }
    } catch (error) {
      if (queryOptions.signal?.aborted) throw new KeystoneError('KS_INTERRUPTED', 'the query was stopped', { cause: error });
      if (isKeystoneError(error)) throw error;
      throw sqlFailure(error, sql, parsed.tables);
    } finally {
      queryOptions.signal?.removeEventListener('abort', interrupt);
    }
  };

  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const answer = last.then(work);
    last = answer.catch(() => undefined);
    return answer;
  };

  return {
    name: 'duckdb',
    query: (sql, queryOptions = {}) =>
      inTurn(() => run(sql, queryOptions, (stream) => readRows(stream, queryOptions.maxRows ?? Number.POSITIVE_INFINITY))),
    arrow: async (sql, write, queryOptions = {}) => {
      const { arrowStream } = await import('./arrow-stream.js');
      const { writeArrowParts } = await import('../arrow-parts.js');
      return inTurn(() =>
        run(sql, queryOptions, (stream) =>
          writeArrowParts(arrowStream(stream, queryOptions.maxRows ?? Number.POSITIVE_INFINITY), write, queryOptions.signal),
        ),
      );
    },
    close: async () => {
      await last;
      await session.close();
    },
  };
}

/** Reads chunk by chunk and stops one row past `maxRows`, so a cut result costs only what is shown. */
async function readRows({ result, next }: ChunkStream, maxRows: number): Promise<Omit<QueryResult, 'bytesScanned'>> {
  const names = result.deduplicatedColumnNames();
  const columns = names.map((name, index) => ({ name, type: result.columnType(index).toString() }));
  const rows: { [column: string]: JsonValue }[] = [];
  for (;;) {
    const chunk = await next();
    if (!chunk) return { columns, rows, truncated: false };
    for (const values of chunk.getRows()) {
      if (rows.length >= maxRows) return { columns, rows, truncated: true };
      rows.push(Object.fromEntries(names.map((name, index) => [name, jsonValueOf(values[index] ?? null)])));
    }
  }
}
