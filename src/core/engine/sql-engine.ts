/**
 * Port: answers SQL over the lake's tables `bronze.*`, `silver.*`, `gold.*`, `quarantine.*`, `error.*`, `ledger.*`
 * (embedded: DuckDB; production: Athena / Trino).
 *
 * Guarantees: the models' SQL gives the same result on every engine; all tables of one query are read at one moment's snapshots;
 * the bytes scanned are reported.
 */

export interface ResultColumn {
  readonly name: string;
  /** The engine's own type name, e.g. `BIGINT`, `DECIMAL(12,2)`, `TIMESTAMP`. */
  readonly type: string;
}

/**
 * JSON-safe values (docs/formats.md, "JSON out"): integers beyond 2^53 and all decimals as strings, timestamps as
 * `YYYY-MM-DD HH:MM:SS[.ffffff]`, dates as `YYYY-MM-DD`, binary as base64, nested values as arrays and objects.
 */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export interface QueryResult {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly { readonly [column: string]: JsonValue }[];
  /** True when `maxRows` cut the result. */
  readonly truncated: boolean;
  /** Compressed bytes of the files the plan touches, or what the service reports. */
  readonly bytesScanned: number;
  /** The service's own name of the statement; absent where there is no service. */
  readonly statementId?: string;
  /** What the reader should know of the answer, e.g. that a table could not be read at its moment. */
  readonly warnings?: readonly string[];
}

/** How far a statement is, as the service tells while it runs. */
export interface QueryProgress {
  readonly statementId: string;
  /** The service's own word, e.g. `RUNNING`. */
  readonly state: string;
  readonly bytesScanned: number;
}

export interface QueryOptions {
  /** `engine`: the engine's own dialect. `athena`: the models' dialect, through the macro prelude where needed. */
  readonly dialect?: 'engine' | 'athena';
  readonly maxRows?: number;
  readonly signal?: AbortSignal;
  /** Told while a service works; an engine within the process tells nothing. */
  readonly onProgress?: (progress: QueryProgress) => void;
}

export interface ArrowSummary {
  readonly rows: number;
  readonly bytes: number;
  readonly bytesScanned: number;
  readonly statementId?: string;
  readonly warnings?: readonly string[];
}

export interface SqlEngine {
  readonly name: string;
  query(sql: string, options?: QueryOptions): Promise<QueryResult>;
  /**
   * Gives the result as an Arrow IPC stream to `write`, part after part, each once the one before is taken: memory stays bounded
   * however long the result is. `maxRows` cuts it. A stream that fails or is aborted half-way ends in what readers refuse.
   */
  arrow(sql: string, write: (part: Uint8Array) => Promise<void>, options?: QueryOptions): Promise<ArrowSummary>;
  close(): Promise<void>;
}
