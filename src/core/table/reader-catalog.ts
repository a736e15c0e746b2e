/**
 * Port: tables for readers who know no Iceberg, as a Hive catalog holds them: Parquet files below one folder, found by the values of their
 * partition columns (production: Glue, with partition projection).
 *
 * Guarantee: `put` changes a table in one step, so a query sees the old folder or the new one; it is refused when another was first.
 */

export interface ReaderColumn {
  readonly name: string;
  /** As Hive spells it, e.g. `decimal(12,2)`. */
  readonly type: string;
  readonly comment: string;
}

export interface ReaderTable {
  readonly name: string;
  readonly description: string;
  /** URI of the folder, ending in `/`. */
  readonly location: string;
  readonly columns: readonly ReaderColumn[];
  /** Folders `year=YYYY/month=MM/day=DD` of these years (both included); null: files lie in the folder itself. */
  readonly years: readonly [number, number] | null;
  /** Facts about the export, for whoever looks at the table; names begin with `keystone.`. */
  readonly facts: Readonly<Record<string, string>>;
}

/** What a table says now. */
export interface ReaderTableState {
  readonly location: string;
  readonly facts: ReaderTable['facts'];
  /** Names this state; opaque. */
  readonly token: string;
}

export interface ReaderCatalog {
  /** Where the tables are found, e.g. `shop_publish`. */
  readonly database: string;
  /** null when there is no such table. Throws KS_CATALOG for one that another made. */
  load(name: string): Promise<ReaderTableState | null>;
  /** False when the table is not at `token` any more (null: not there yet). */
  put(table: ReaderTable, token: string | null): Promise<boolean>;
}
