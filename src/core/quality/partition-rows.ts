/**
 * Port: one partition of silver in an engine that evaluates the checks there (embedded: DuckDB; production: Athena, Trino). What is
 * checked and what comes of it is decided above it.
 *
 * Guarantees: all engines give the same counts and the same samples for the same rows; rows are read at one snapshot; what the
 * process holds does not grow with them.
 */
import type { FailureCounts } from './count-failures.js';
import type { PlannedCheck } from './planned-check.js';
import type { FailingRow } from './sample-failures.js';

export interface PartitionRows {
  /** Every check in one scan. */
  count(checks: readonly PlannedCheck[]): Promise<FailureCounts>;
  /** The first `limit` failing rows of each check by origin. */
  sample(checks: readonly PlannedCheck[], limit: number): Promise<ReadonlyMap<string, readonly FailingRow[]>>;
  /** Bytes of data files read so far. */
  bytesScanned(): number;
}
