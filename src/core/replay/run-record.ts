/** `ingest record`: a slice of the topic or of bronze as one portable file. */
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import { openSelection } from './event-selection.js';
import { openSource } from './open-source.js';
import type { ReplayEvent } from './replay-event.js';
import type { ReplaySink } from './replay-sink.js';
import { sendReplay, type ReplayCounts } from './send-replay.js';
import { parseTimeRange } from './time-range.js';
import type { TraceHeader } from './trace-lines.js';
import { traceWriter, type TraceWriter } from './trace-writer.js';

export interface RunRecordOptions {
  readonly source: 'topic' | 'bronze';
  /** Ends in `.parquet`, `.ndjson` or `.ndjson.gz`; an existing file is refused, or with `force` replaced once the new one is whole. */
  readonly out: string;
  readonly force: boolean;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly dataset: string | undefined;
  readonly where: string | undefined;
  readonly asOf: string | undefined;
  readonly limit: number | undefined;
  readonly dryRun: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface RunRecordResult extends ReplayCounts {
  readonly out: string;
  /** Null in a dry run. */
  readonly fileBytes: number | null;
  readonly dryRun: boolean;
}

/** What one part of the file holds at most. */
const BATCH_EVENTS = 20_000;
const BATCH_BYTES = 8_000_000;

/** @throws KeystoneError KS_USAGE, KS_SQL, KS_NOT_FOUND as `runReplay`; KS_STORE when the file cannot be written; KS_INTERRUPTED. */
export async function runRecord(lakehouse: Lakehouse, options: RunRecordOptions): Promise<RunRecordResult> {
  const { out, from, to, dataset, where, asOf, limit, dryRun, signal, progress } = options;
  const range = parseTimeRange(from, to);
  const writer = await traceWriter(lakehouse, { out, force: options.force, dryRun });
  const selection = await openSelection(lakehouse, { range, dataset, where });
  try {
    const sources = [options.source];
    const source = await openSource(lakehouse, {
      sources,
      range,
      dataset,
      asOf,
      fromCheckpoint: undefined,
      saved: undefined,
      signal,
    });
    const seen = recordedFacts();
    try {
      const { clock } = lakehouse.effects;
      const start = { events: 0, bytes: 0, datasets: {}, next: new Map<string, number>() };
      const sink = writer && writerSink(writer, seen.look);
      const onDurable = async (): Promise<void> => undefined;
      const sent = await sendReplay({
        source,
        selection,
        sink,
        pace: undefined,
        limit,
        start,
        onDurable,
        clock,
        progress,
        signal,
      });
      const { events, bytes, datasets } = sent;
      const header: TraceHeader = {
        keystone_trace: 1,
        project: lakehouse.config.project,
        source: options.source,
        recorded_at: new Date(clock.nowMs()).toISOString(),
        from: from ?? null,
        to: to ?? null,
        dataset: dataset ?? null,
        where: where ?? null,
        ...seen.facts(),
        events,
        payload_bytes: bytes,
        datasets: { ...datasets },
      };
      return { events, bytes, datasets, out, fileBytes: writer ? await writer.finish(header) : null, dryRun };
    } finally {
      await source.close();
    }
  } catch (error) {
    throw signal.aborted
      ? new KeystoneError('KS_INTERRUPTED', `stopped before ${out} was whole; nothing was written`, {
          hint: 'run the same command again',
          cause: error,
        })
      : error;
  } finally {
    await writer?.close();
    await selection.close();
  }
}

/** Gathers what the header says of the events. */
function recordedFacts(): {
  readonly look: (event: ReplayEvent) => void;
  readonly facts: () => Pick<TraceHeader, 'topics' | 'first_log_time_us' | 'last_log_time_us'>;
} {
  const topics = new Set<string>();
  let first: number | null = null;
  let last: number | null = null;
  return {
    look: ({ origin }) => {
      if (!origin) return;
      topics.add(origin.topic);
      first = Math.min(first ?? origin.timestampUs, origin.timestampUs);
      last = Math.max(last ?? origin.timestampUs, origin.timestampUs);
    },
    facts: () => ({ topics: [...topics].toSorted(), first_log_time_us: first, last_log_time_us: last }),
  };
}

function writerSink(writer: TraceWriter, look: (event: ReplayEvent) => void): ReplaySink {
  let batch: ReplayEvent[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    const events = batch;
    batch = [];
    bytes = 0;
    if (events.length > 0) await writer.write(events);
  };
  return {
    send: async (event) => {
      look(event);
      batch.push(event);
      bytes += event.payload?.length ?? 0;
      if (batch.length >= BATCH_EVENTS || bytes >= BATCH_BYTES) await flush();
    },
    flush,
    close: () => undefined,
  };
}
