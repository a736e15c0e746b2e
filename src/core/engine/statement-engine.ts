/**
 * Port: a service (Athena, Trino) that runs any one statement over the lake's tables, for the stages that build and check tables with it;
 * people's queries go through `SqlEngine`, which takes only what reads.
 *
 * Guarantees: an answer is that of the whole statement; one that fails or is aborted has been stopped at the service before the call ends,
 * as far as the service can be reached.
 */
import type { TableName } from '../table/table-api.js';
import type { Spent } from './spent.js';
import { quoteIdentifier } from './sql-text.js';
import type { QueryResult } from './sql-engine.js';

/** Rows as the `SqlEngine` port gives them; a statement that gives none has no columns. */
export interface StatementAnswer extends Pick<QueryResult, 'columns' | 'rows' | 'bytesScanned'> {
  /** The service's own name of the statement. */
  readonly statementId: string;
}

/** What a statement is run for; it is recorded under this with what it read, and refused before it runs where that is estimated above a limit. */
export interface StatementPurpose {
  /** e.g. `gold run`. */
  readonly command: string;
  /** Tables read, each with the bytes of the files that may be. */
  readonly tables: readonly TableRead[];
  /**
   * What it reads beside them, as a query over the lake's own names that tells which columns; `otherwise`: the same by whole files, for a
   * query that cannot be followed.
   */
  readonly query?: { readonly sql: string; readonly otherwise: readonly TableRead[] };
  /** Bytes; default: the profile's `engine.maxScan`. */
  readonly maxScan?: number;
}

interface TableRead {
  readonly table: string;
  readonly estimatedBytes: number;
}

export interface StatementOptions {
  /** Absent: it reads no data. */
  readonly purpose?: StatementPurpose;
  /** False: the statement leaves its rows elsewhere, and there is no result to fetch (UNLOAD). */
  readonly hasRows?: boolean;
  readonly signal?: AbortSignal;
  /** Told while it runs. */
  readonly onProgress?: (progress: { readonly bytesScanned: number }) => void;
}

export interface StatementEngine {
  readonly name: 'athena' | 'trino';
  /** The lake's namespace as the service names it, quoted, e.g. `"iceberg"."silver"`. */
  schemaSql(namespace: string): string;
  /** Throws KS_COST_LIMIT for a purpose above its limit, KS_SQL for what the service takes for a fault of the statement, else KS_ENGINE, KS_CREDENTIALS, KS_INTERRUPTED. */
  execute(sql: string, options?: StatementOptions): Promise<StatementAnswer>;
  /** Bytes that a statement's text may have. */
  readonly maxStatementBytes: number;
  /** All statements of this process so far; absent where nobody counts. */
  readonly spent?: () => Spent;
}

/** A table of the lake as the service names it, e.g. `"iceberg"."silver"."orders"`. */
export function serviceTableSql(engine: StatementEngine, name: TableName): string {
  const [namespace = '', table = ''] = name.split('.');
  return `${engine.schemaSql(namespace)}.${quoteIdentifier(table)}`;
}
