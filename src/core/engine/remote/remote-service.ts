/**
 * Port: a service that runs SQL of Trino's dialect somewhere else (Athena, Trino). It knows nothing of Keystone's tables; what may run and
 * at which snapshots is decided in front of it (`remote-engine.ts`).
 *
 * Guarantees: rows come in pages, none but the first is fetched before it is asked for; a statement that nobody reads to its end is cancelled; calls
 * that may be repeated are repeated as the retry table says.
 */
import type { JsonValue, QueryProgress } from '../sql-engine.js';
import type { ColumnType } from '../statement/column-type.js';

export interface RemoteColumn {
  readonly name: string;
  /** As the service writes it, e.g. `decimal(12,2)`. */
  readonly typeText: string;
  readonly type: ColumnType;
}

export interface RemoteStatement {
  readonly id: string;
  readonly columns: readonly RemoteColumn[];
  /** Values in the order of the columns. Read once. */
  readonly pages: AsyncIterable<readonly (readonly JsonValue[])[]>;
  /** So far; final when the pages are read. */
  readonly bytesScanned: () => number;
}

export interface RemoteRunOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: QueryProgress) => void;
  /** Columns of the result may be lists, rows or maps: a service that tells them badly has to ask in another way. */
  readonly mayBeNested?: boolean;
  /** False: the statement leaves its rows elsewhere, and there is no result to fetch (UNLOAD). */
  readonly hasRows?: boolean;
  /** For messages: the place in the text that was asked, for one in the text that is run. */
  readonly placeOf?: (line: number, column: number) => { readonly line: number; readonly column: number };
}

export interface RemoteService {
  readonly name: 'athena' | 'trino';
  /** @throws KeystoneError KS_SQL, KS_CREDENTIALS, KS_CONFIG, KS_INTERRUPTED, else KS_ENGINE with what failed as its cause. */
  run(sql: string, options?: RemoteRunOptions): Promise<RemoteStatement>;
  close(): Promise<void>;
}
