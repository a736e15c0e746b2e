/** How long work tells what it has done; the command line draws it, a test collects it. */
export interface Progress {
  /** What is being done now, e.g. `orders.csv`, `commit silver.orders`. */
  readonly phase: string;
  readonly done: number;
  /** Unknown for endless work. */
  readonly total?: number;
  /** What `done` counts, e.g. `events`, `rows`, `partitions`. */
  readonly unit: string;
}

export type ReportProgress = (progress: Progress) => void;
