/** Port: a process that serves for another one, what it is told and what it tells (`src/cli/worker-processes.ts` has the processes). */
import type { ErrorCode } from '../errors.js';
import type { IngestTotals } from './event-intake.js';
import type { IngestServerEvent } from './ingest-server-event.js';
import type { LogFields } from '../logging/logger.js';
import type { LogLevel } from '../logging/log-level.js';
import type { WorkerNumbers } from '../metrics/worker-metrics.js';
import type { RunServeOptions } from './run-serve.js';

/** What a worker serves; its environment is that of the process that starts it. */
export type WorkerOrders = Omit<RunServeOptions, 'env'>;

/** What a worker tells. */
export type WorkerMessage =
  | { readonly kind: 'event'; readonly event: IngestServerEvent }
  /** Now and then, so that little is unknown of one that is killed. */
  | { readonly kind: 'totals'; readonly totals: IngestTotals }
  /** For the log and the metrics of the process that started it. */
  | { readonly kind: 'log'; readonly level: LogLevel; readonly event: string; readonly fields: LogFields }
  | { readonly kind: 'numbers'; readonly numbers: WorkerNumbers }
  /** Drained. */
  | { readonly kind: 'ended'; readonly totals: IngestTotals }
  /** It could not serve. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined };

export interface WorkerExit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
}

export interface WorkerProcess {
  readonly pid: number;
  /** Asks it to drain and end. */
  stop(): void;
  /** Ends it at once. */
  kill(): void;
}

/** Starts one; `onExit` comes last. */
export type StartWorker = (
  orders: WorkerOrders,
  on: { readonly message: (message: WorkerMessage) => void; readonly exit: (exit: WorkerExit) => void },
) => WorkerProcess;
