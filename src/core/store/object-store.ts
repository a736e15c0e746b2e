/**
 * Port: where files live (embedded: a local folder; production: S3).
 *
 * Guarantees: a put is atomic (a reader sees all of it or nothing) and durable when it resolves; `ifAbsent` and `ifMatch`
 * are honoured even between racing processes; `list` is ordered by key (UTF-8 bytes).
 * Keys are relative, with `/`, and never leave the store's root.
 */

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Changes with the bytes; a remote store may give equal bytes equal etags. */
  readonly etag: string;
}

export type PutCondition = { readonly kind: 'ifAbsent' } | { readonly kind: 'ifMatch'; readonly etag: string };

/** `conflict`: the condition did not hold and nothing was written. */
export type PutOutcome = { readonly kind: 'stored'; readonly etag: string } | { readonly kind: 'conflict' };

export interface StoredObject {
  readonly body: Uint8Array;
  readonly etag: string;
}

export interface ObjectStore {
  /** Absolute URI of a key, as table metadata records it. */
  uri(key: string): string;
  /** The key of a URI of this store; throws KS_STORE for a foreign URI. */
  keyOf(uri: string): string;
  put(key: string, body: Uint8Array, condition?: PutCondition): Promise<PutOutcome>;
  /** Takes a finished local file into the store (moves or uploads it), unconditionally and durably. */
  putFile(key: string, localPath: string): Promise<void>;
  /** null when absent. */
  get(key: string): Promise<StoredObject | null>;
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** Names of the folders right below `prefix` (`''`, or one that ends in `/`), ordered; a remote store may know only those with objects. */
  folders(prefix: string): Promise<readonly string[]>;
  /** Absent keys are no error. */
  delete(keys: readonly string[]): Promise<void>;
  /** A local path that holds the object's bytes (the file itself, or a cached copy), for engines that read files. */
  localPath(key: string): Promise<string>;
  /** A folder of this process on the same volume as the store (or the local stage of a remote one) for files in the making. */
  stagingDir(): Promise<string>;
  /** Tries whether conditions of puts are really honoured; throws KS_STORE where they are not. Absent where they hold by construction. */
  proveConditions?(): Promise<void>;
}
