/** How a run of the consumer is asked for. */
import type { ReportProgress } from '../progress.js';

export interface ConsumeOptions {
  /** Stop once everything that was in the log at the start is derived; else go on until `signal`. */
  readonly untilCaughtUp: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: ReportProgress;
  /** Told once when another consumer holds the lease, and when a batch was lost to one. */
  readonly onNotice?: (text: string) => void;
}
