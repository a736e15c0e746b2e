/**
 * Port: computes what a model's SQL gives (embedded: DuckDB in this process; production: Athena or Trino, which leave the rows in the
 * store for Keystone to take over). Planning, checking and committing are the same above it.
 *
 * Guarantees: inputs are read at the snapshots they are pinned to; the rows of a model come out alike in every engine.
 */
import type { ProfileConfig } from '../config/config.js';
import type { InputChange } from './input-change.js';
import type { ModelColumn } from './gold-table.js';
import type { PinnedTable } from './pinned-table.js';
import type { ModelPlan, PlanInputs } from './plan-model.js';

export interface ChangedInput {
  readonly input: PinnedTable;
  readonly change: InputChange & { readonly kind: 'files' };
}

export interface ModelEngine {
  readonly name: ProfileConfig['engine']['adapter'];
  /** Partitions of the model that the rows which came or went touch; null: rows without a partition date. */
  affectedOrdinals(inputs: PlanInputs, changed: ChangedInput): Promise<readonly (number | null)[]>;
  /** Leaves the rows (of the plan's partitions only) in the session's table `main.model_rows`; gives its columns. Throws KS_MODEL. */
  computeRows(inputs: PlanInputs, plan: ModelPlan): Promise<readonly ModelColumn[]>;
  /** Bytes of data files read so far. */
  bytesScanned(): number;
}
