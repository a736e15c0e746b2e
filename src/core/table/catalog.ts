/**
 * Port: which metadata file of a table is the current one (embedded: a folder; production: AWS Glue).
 *
 * Guarantee: `swap` is an atomic compare-and-swap, also between racing processes: of all swaps that name the same token, at
 * most one answers true, and only its metadata becomes current. A swap that throws may or may not have happened.
 */
import type { TableName } from './table-api.js';
import type { TableMetadata } from './table-metadata.js';

/** Names one state of a table; opaque outside the catalog that gave it. */
export type CatalogToken = string;

export interface CatalogEntry {
  readonly metadata: TableMetadata;
  readonly token: CatalogToken;
  /** URI of the metadata file. */
  readonly location: string;
}

export interface Catalog {
  /** The current state; null when there is no such table. */
  load(name: TableName): Promise<CatalogEntry | null>;
  /** Makes `metadata` current if the table still is at `token` (null: does not exist yet). */
  swap(name: TableName, token: CatalogToken | null, metadata: TableMetadata): Promise<boolean>;
  /** All tables, ordered by name. Throws KS_STORE where the catalog knows tables of these names and none of them lies in the lake. */
  tableNames(): Promise<readonly TableName[]>;
  /** Tables under this lake's names whose files lie elsewhere, which `tableNames` leaves out. Absent where there can be none. */
  outside?(): Promise<readonly { readonly name: TableName; readonly location: string }[]>;
  /** Tries whether a swap from a stale state is really refused; throws KS_CATALOG where it is not. Absent where it holds by construction. */
  proveSwap?(): Promise<void>;
  /**
   * Enters a table that the catalog does not know under the metadata file at `location`, as it is; false when it knows the table already.
   * Absent where the files themselves are the catalog.
   */
  register?(name: TableName, location: string): Promise<boolean>;
}
