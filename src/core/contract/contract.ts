/**
 * A contract as the rest of Keystone uses it: one dataset's columns, key, partition and checks, read from its ODCS v3.1 file
 * (`odcs.ts`). Plain data; compiled to casts and row rules by `compile-silver.ts`, to partition checks by `core/quality`.
 */

export type ColumnType =
  | { readonly kind: 'string' }
  | { readonly kind: 'integer' }
  | { readonly kind: 'long' }
  | { readonly kind: 'double' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'date' }
  /** Without zone, microseconds. */
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number };

export interface ContractColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** Null or absent is the reject class `missing:<column>`. */
  readonly required: boolean;
  /** Strip blanks at both ends before the cast (off: text is data). */
  readonly trim: boolean;
  readonly description: string;
}

export type CheckLevel = 'error' | 'warning';

/**
 * `row`: decided by one row alone; an error-level row check that fails sends the row to quarantine as `rule:<name>`.
 * `unique` and `rowCount`: decided over a partition; only validation runs them.
 */
export type ContractCheck =
  | {
      readonly kind: 'row';
      readonly name: string;
      readonly level: CheckLevel;
      readonly description: string;
      /** Keystone's row expression, e.g. `price > 0`; a comparison with null passes. */
      readonly expression: string;
      readonly columns: readonly string[];
    }
  | {
      readonly kind: 'unique';
      readonly name: string;
      readonly level: CheckLevel;
      readonly description: string;
      readonly columns: readonly string[];
    }
  | {
      readonly kind: 'rowCount';
      readonly name: string;
      readonly level: CheckLevel;
      readonly description: string;
      readonly min: number | null;
      readonly max: number | null;
    };

export interface ContractPartition {
  readonly column: string;
  readonly transform: 'day' | 'month';
}

export interface Contract {
  readonly dataset: string;
  readonly version: string;
  readonly description: string;
  readonly owner: string | null;
  readonly columns: readonly ContractColumn[];
  /** Business key; empty means the event id. */
  readonly key: readonly string[];
  /** Column that orders versions of a key; null means log time, partition, offset. */
  readonly versionColumn: string | null;
  readonly partition: ContractPartition | null;
  readonly checks: readonly ContractCheck[];
  /** sha-256 (hex) of the file's bytes. */
  readonly hash: string;
  readonly path: string;
}
