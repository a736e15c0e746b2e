/** Collects records of a topic into one batch, from the lake's own offsets, bounded by bytes, rows and time. */
import type { BronzeRecord, ToBronzeRecord } from '../bronze/bronze-record.js';
import type { Clock } from '../clock.js';
import { isKeystoneError } from '../errors.js';
import type { EventLog } from '../log/event-log.js';
import type { OffsetHole } from '../table/table-api.js';
import type { TopicRange } from '../silver/offset-ranges.js';
import { checkBounds } from './check-bounds.js';

export interface Batch {
  readonly range: TopicRange;
  /** By partition, then offset. */
  readonly records: readonly BronzeRecord[];
  readonly holes: readonly OffsetHole[];
  readonly sizeBytes: number;
}

export interface BatchLimits {
  readonly maxBytes: number;
  readonly maxRows: number;
  /** How long a batch that is not full waits for more; 0 takes what is there. */
  readonly waitMs: number;
}

const READ_BYTES = 4_000_000;
const POLL_MS = 100;
/** What a record costs in memory besides its value (measured: objects, typed-array views, Arrow's copy). */
const RECORD_OVERHEAD_BYTES = 1_000;

/** Where a batch comes from. */
export interface FetchPlace {
  readonly log: EventLog;
  readonly topic: string;
  /** Where the lake goes on, by partition. */
  readonly next: ReadonlyMap<number, number>;
  /** Those that are read; null: all. */
  readonly partitions: ReadonlySet<number> | null;
}

/** null when there is nothing to take within the wait; what is there already when the signal ends the wait. */
export async function fetchBatch(
  { log, topic, next, partitions: own }: FetchPlace,
  limits: BatchLimits,
  toRow: ToBronzeRecord,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Batch | null> {
  const taken = new Map<number, BronzeRecord[]>();
  const position = new Map<number, number>();
  const holes: OffsetHole[] = [];
  let rows = 0;
  let sizeBytes = 0;
  let firstAtMs: number | null = null;
  const full = (): boolean => rows >= limits.maxRows || sizeBytes >= limits.maxBytes;
  /** Until the batch is full, or the log has no more. */
  const gather = async (): Promise<void> => {
    const all = await log.bounds(topic);
    // What was read already may expire: it is in hand, and is landed.
    checkBounds(topic, all, new Map([...next, ...position]), own);
    const bounds = own ? all.filter(({ partition }) => own.has(partition)) : all;
    let progress = true;
    while (progress && !full() && !signal.aborted) {
      progress = false;
      for (const { partition, endOffset } of bounds) {
        const from = position.get(partition) ?? next.get(partition) ?? 0;
        if (from >= endOffset) continue;
        if (full()) break;
        const share = {
          maxRecords: Math.min(20_000, limits.maxRows - rows),
          maxBytes: Math.min(READ_BYTES, limits.maxBytes - sizeBytes),
        };
        const { records, nextOffset } = await log.read(topic, partition, from, share);
        if (nextOffset === from) continue;
        progress = true;
        const list = taken.get(partition) ?? [];
        taken.set(partition, list);
        let expected = from;
        for (const record of records) {
          if (record.offset > expected) holes.push({ topic, partition, from: expected, toExclusive: record.offset });
          expected = record.offset + 1;
          list.push(toRow(record));
          sizeBytes += (record.value?.length ?? 0) + (record.key?.length ?? 0) + RECORD_OVERHEAD_BYTES;
        }
        if (nextOffset > expected) holes.push({ topic, partition, from: expected, toExclusive: nextOffset });
        rows += records.length;
        position.set(partition, nextOffset);
      }
    }
  };
  for (;;) {
    // What expired behind what is in hand is told by the next batch: thrown away, this one would be lost with it.
    const isCut = await gather().then(
      () => false,
      (error: unknown) => {
        if (position.size > 0 && isKeystoneError(error) && error.code === 'KS_LOG_TRUNCATED') return true;
        throw error;
      },
    );
    if (isCut) break;
    if (full() || signal.aborted || limits.waitMs === 0) break;
    if (position.size > 0) firstAtMs ??= clock.nowMs();
    if (firstAtMs !== null && clock.nowMs() - firstAtMs >= limits.waitMs) break;
    await clock.sleep(POLL_MS, signal);
    if (firstAtMs === null) break;
  }
  if (position.size === 0) return null;
  const partitions = [...position].toSorted(([a], [b]) => a - b);
  return {
    range: {
      topic,
      partitions: partitions.map(([partition, toExclusive]) => ({ partition, from: next.get(partition) ?? 0, toExclusive })),
    },
    records: partitions.flatMap(([partition]) => taken.get(partition) ?? []),
    holes,
    sizeBytes,
  };
}
