/**
 * `SqlEngine` on a service that runs SQL elsewhere. What the statement reads is told from its text first: only tables of the lake, each
 * under its database's own name and at the snapshot that was current when the query began, so that all are read at one moment.
 */
import type { Clock } from '../../clock.js';
import { KeystoneError } from '../../errors.js';
import type { RetryListeners } from '../../resilience/tell-retry.js';
import type { Table, TableField, TableName, TableState } from '../../table/table-api.js';
import type { QueryOptions, QueryResult, SqlEngine } from '../sql-engine.js';
import { pinStatement, type PinnedName, type RewrittenStatement } from '../statement/pin-statement.js';
import type { TableReference } from '../statement/query-outline.js';
import { readStatement } from '../statement/read-statement.js';
import type { StatementToken } from '../statement/statement-tokens.js';
import { gatherRows } from './gather-rows.js';
import { icebergTypeText } from './iceberg-type-text.js';
import type { RemoteColumn, RemoteService, RemoteStatement } from './remote-service.js';
import { stopped } from './service-failure.js';
import { withColumnHint } from './unknown-column.js';

export interface RemoteEngineOptions {
  readonly service: RemoteService;
  /** Catalog of the service that holds the lake: names may begin with it. */
  readonly catalog: string;
  /** Put before the lake's namespaces: `silver` is the database `<prefix>silver`. */
  readonly databasePrefix: string;
  readonly tableNames: () => Promise<readonly TableName[]>;
  readonly table: (name: TableName) => Promise<Table | null>;
}

/** What a service needs of the outside world beside its settings. */
export interface RemoteAccess extends RetryListeners {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative `file:` secrets lie here. */
  readonly projectDir: string;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
}

/** A statement that was read: what to run, or an answer that needs no service. */
type Prepared =
  | {
      readonly kind: 'run';
      readonly written: RewrittenStatement;
      readonly warnings: readonly string[];
      readonly mayBeNested: boolean;
      /** Columns by table, for who misspelt one. */
      readonly columns: ReadonlyMap<TableName, readonly string[]>;
    }
  | { readonly kind: 'answer'; readonly result: QueryResult };

/** Functions and words whose results are lists, maps or rows. */
const NESTING =
  /^(?:array|array_\w+|map|map_\w+|multimap\w*|row|split|split_to_\w+|histogram|numeric_histogram|filter|transform\w*|sequence|regexp_extract_all|regexp_split|zip\w*|flatten|ngrams|combinations|reverse|slice|shuffle|approx_most_frequent|approx_percentile|entries|map_entries)$/;

export function openRemoteEngine(options: RemoteEngineOptions): SqlEngine {
  const { service } = options;

  const unknownTable = async (name: string): Promise<KeystoneError> => {
    const existing = await options.tableNames();
    const sameName = existing.filter((table) => table.endsWith(`.${name}`));
    const listed =
      existing.length > 0
        ? `tables: ${existing.join(', ')}`
        : 'the lake has no tables yet: keystone consume run --until-caught-up';
    return new KeystoneError('KS_NOT_FOUND', `there is no table ${name}`, {
      hint: sameName.length > 0 ? `write ${sameName.join(' or ')}` : listed,
      details: { table: name, tables: existing },
    });
  };

  /** The lake's name of a table, also when it is written as the service knows it. */
  const nameOf = ({ parts }: Pick<TableReference, 'parts'>): TableName | null => {
    const [database, table] = parts.length === 3 && parts[0] === options.catalog.toLowerCase() ? parts.slice(1) : parts;
    if (database === undefined || table === undefined || parts.length > 3) return null;
    if (parts.length === 3 && parts[0] !== options.catalog.toLowerCase()) return null;
    const { databasePrefix: prefix } = options;
    const namespace = prefix !== '' && database.startsWith(prefix) ? database.slice(prefix.length) : database;
    return `${namespace}.${table}`;
  };

  const stateOf = async (
    reference: Pick<TableReference, 'parts'>,
  ): Promise<{ name: TableName; state: TableState; table: Table }> => {
    const name = nameOf(reference);
    const table = name === null ? null : await options.table(name);
    if (!name || !table) throw await unknownTable(reference.parts.join('.'));
    return { name, table, state: await table.state() };
  };

  const prepare = async (sql: string): Promise<Prepared> => {
    const read = readStatement(sql);
    if (read.kind === 'refused') {
      throw new KeystoneError('KS_SQL', `the statement was refused: ${read.reason}`, {
        hint: 'give one SELECT, WITH, VALUES, TABLE, DESCRIBE, SHOW TABLES or EXPLAIN over tables of the lake',
      });
    }
    if (read.kind === 'showTables') {
      return {
        kind: 'answer',
        result: listed(
          'name',
          (await options.tableNames()).map((name) => ({ name })),
        ),
      };
    }
    if (read.kind === 'describe') {
      const { state } = await stateOf({ parts: read.table.split('.') });
      return { kind: 'answer', result: described(state.fields) };
    }
    const states = new Map<TableName, { readonly state: TableState; readonly table: Table }>();
    for (const reference of read.tables) {
      const name = nameOf(reference);
      if (name && !states.has(name)) states.set(name, await stateOf(reference));
      else if (!name) throw await unknownTable(reference.parts.join('.'));
    }
    const warnings: string[] = [];
    for (const [name, { state, table }] of states) {
      const reason = await whyUnpinned(state, table);
      if (reason !== null) warnings.push(`${name} is read as it is when ${service.name} looks: ${reason}`);
    }
    const unpinned = new Set(warnings.map((warning) => warning.split(' ')[0]));
    const pins = read.tables.map((reference): PinnedName => {
      const name = nameOf(reference) as TableName;
      const snapshot = states.get(name)?.state.currentSnapshot ?? null;
      const [namespace = '', table = ''] = name.split('.');
      const isPinned = !reference.hasOwnVersion && !unpinned.has(name);
      return {
        reference,
        database: `${options.databasePrefix}${namespace}`,
        table,
        snapshotId: isPinned ? (snapshot?.id ?? null) : null,
      };
    });
    const fields = [...states.values()].flatMap(({ state }) => state.fields);
    const mayBeNested = !read.explains && (fields.some(({ type }) => typeof type === 'object') || read.tokens.some(nests));
    const columns = new Map([...states].map(([name, { state }]) => [name, state.fields.map((field) => field.name)]));
    return { kind: 'run', written: pinStatement(sql.replace(/;\s*$/, ''), pins), warnings, mayBeNested, columns };
  };

  const start = async (
    prepared: Prepared & { readonly kind: 'run' },
    { signal, onProgress }: QueryOptions,
  ): Promise<RemoteStatement> => {
    const { written, mayBeNested, columns } = prepared;
    const given = { mayBeNested, placeOf: written.placeOf, ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
    return service.run(written.sql, given).catch((error: unknown) => {
      throw withColumnHint(error, columns);
    });
  };

  /** Asks once, and gathers up to `maxRows` rows. */
  const ask = async (
    prepared: Prepared & { readonly kind: 'run' },
    maxRows: number,
    queryOptions: QueryOptions,
  ): Promise<QueryResult> => {
    const statement = await start(prepared, queryOptions);
    const columns = namedApart(statement.columns);
    const gathered = await gatherRows(
      statement,
      columns.map(({ name }) => name),
      maxRows,
    );
    return {
      columns: columns.map(({ name, typeText }) => ({ name, type: typeText })),
      ...gathered,
      bytesScanned: statement.bytesScanned(),
      statementId: statement.id,
      warnings: prepared.warnings,
    };
  };

  return {
    name: service.name,
    query: async (sql, queryOptions = {}) => {
      if (queryOptions.signal?.aborted) throw stopped(service.name, null);
      const prepared = await prepare(sql);
      const maxRows = queryOptions.maxRows ?? Number.POSITIVE_INFINITY;
      if (prepared.kind === 'answer') {
        const { rows, ...answer } = prepared.result;
        return { ...answer, rows: rows.slice(0, maxRows), truncated: rows.length > maxRows };
      }
      return ask(prepared, maxRows, queryOptions);
    },
    arrow: async (sql, write, queryOptions = {}) => {
      const prepared = await prepare(sql);
      if (prepared.kind === 'answer') {
        throw new KeystoneError('KS_SQL', 'SHOW TABLES and DESCRIBE have no Arrow form here', {
          hint: 'leave --output arrow away',
        });
      }
      const [{ arrowOfPages }, { arrowParts, writeArrowParts }] = await Promise.all([
        import('./arrow-of-pages.js'),
        import('../arrow-parts.js'),
      ]);
      const statement = await start(prepared, queryOptions);
      const { columns, batches } = arrowOfPages(namedApart(statement.columns), statement.pages, queryOptions.maxRows ?? Infinity);
      const sent = await writeArrowParts(arrowParts(columns, batches), write, queryOptions.signal);
      return { ...sent, bytesScanned: statement.bytesScanned(), statementId: statement.id, warnings: prepared.warnings };
    },
    close: () => service.close(),
  };
}

const nests = (token: StatementToken): boolean => token.kind === 'word' && NESTING.test(token.text);

/** A snapshot is read under its own schema: one that is older than the newest columns would lack them. */
async function whyUnpinned({ currentSnapshot }: TableState, table: Table): Promise<string | null> {
  if (!currentSnapshot) return null;
  const { metadata } = await table.metadata();
  const written = metadata.snapshots?.find((snapshot) => BigInt(snapshot['snapshot-id']) === currentSnapshot.id);
  const schemaId = written?.['schema-id'];
  if (schemaId === undefined || schemaId === null || Number(schemaId) === metadata['current-schema-id']) return null;
  return 'columns were added after its newest snapshot';
}

const listed = (column: string, rows: QueryResult['rows']): QueryResult => ({
  columns: [{ name: column, type: 'varchar' }],
  rows,
  truncated: false,
  bytesScanned: 0,
});

function described(fields: readonly TableField[]): QueryResult {
  const rows = fields.map(({ name, type, required, doc }) => ({
    column_name: name,
    column_type: icebergTypeText(type),
    null: required ? 'NO' : 'YES',
    comment: doc ?? null,
  }));
  const columns = ['column_name', 'column_type', 'null', 'comment'].map((name) => ({ name, type: 'varchar' }));
  return { columns, rows, truncated: false, bytesScanned: 0 };
}

/** Two columns of one name become `a` and `a:1`, as in DuckDB's engine. */
function namedApart(columns: readonly RemoteColumn[]): readonly RemoteColumn[] {
  const seen = new Map<string, number>();
  return columns.map((column) => {
    const times = seen.get(column.name) ?? 0;
    seen.set(column.name, times + 1);
    return times === 0 ? column : { ...column, name: `${column.name}:${times}` };
  });
}
