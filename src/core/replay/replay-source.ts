/** What a replay or a recording reads: the same events, in the same order, however often it is asked. */
import type { ReplayEvents } from './replay-event.js';

/** Stream → where to go on in it; a stream that is not in it begins at its start. */
export type NextPositions = ReadonlyMap<string, number>;

/**
 * What was decided at the start and has to stay for a resumed replay to read the same events: the log's end, a snapshot, the files.
 * Without it a replay of a topic into itself would never end.
 */
export type SourcePlan =
  | {
      readonly kind: 'topic';
      readonly topic: string;
      /** The topic's identity; null where the log knows none. */
      readonly topicId: string | null;
      readonly spans: readonly { readonly partition: number; readonly from: number; readonly toExclusive: number }[];
    }
  | { readonly kind: 'bronze'; readonly snapshotId: string; readonly from: Readonly<Record<string, number>> }
  | { readonly kind: 'files'; readonly files: readonly PlannedSourceFile[] };

export interface PlannedSourceFile {
  /** Absolute. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface ReplaySource {
  /** For messages and progress, e.g. `topic events`, `bronze.events`, `orders.csv`. */
  readonly name: string;
  readonly plan: SourcePlan;
  /** How many events lie before any selection; undefined where only reading tells. */
  readonly totalEvents: number | undefined;
  /** Memory is bounded whatever the source's size. */
  events(next: NextPositions, signal: AbortSignal): ReplayEvents;
  /** What a person should look at, known once the events are read. */
  warnings(): readonly string[];
  /** Lines that were left out because they are too long. */
  failedLines(): number;
  close(): Promise<void>;
}
