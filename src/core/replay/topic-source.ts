/** The log itself as the source of a replay: every partition up to where it ended at the start, merged by log time. */
import { bronzeRecordOf, type ToBronzeRecord } from '../bronze/bronze-record.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { EventLog } from '../log/event-log.js';
import { mergeStreams } from './merge-streams.js';
import type { ReplayEvent, ReplayEvents } from './replay-event.js';
import type { NextPositions, ReplaySource, SourcePlan } from './replay-source.js';
import { isWithin, type TimeRange } from './time-range.js';

type TopicPlan = SourcePlan & { readonly kind: 'topic' };

const READ = { maxRecords: 2_000, maxBytes: 2_000_000 } as const;

export const streamName = (topic: string, partition: number): string => `${topic}/${partition}`;

/**
 * `checkpoint`: partition → first offset, 0 where it names none. `saved`: the plan of a replay that goes on.
 * @throws KeystoneError KS_NOT_FOUND when the topic does not exist, KS_LOG_RECREATED when it is another one than the plan's.
 */
export async function openTopicSource(
  lakehouse: Lakehouse,
  options: {
    readonly range: TimeRange;
    readonly checkpoint: ReadonlyMap<number, number> | undefined;
    readonly saved: TopicPlan | undefined;
  },
): Promise<ReplaySource> {
  const log = await lakehouse.log();
  const { topic } = lakehouse.config.profile.log;
  const plan = options.saved ?? (await planTopic(log, topic, options.range, options.checkpoint));
  const topicId = await log.topicId(plan.topic);
  if (plan.topicId !== null && topicId !== plan.topicId) {
    throw new KeystoneError('KS_LOG_RECREATED', `${plan.topic} is not the topic that this replay began with`, {
      hint: 'start it anew: the same command without --resume',
    });
  }
  const toRecord = bronzeRecordOf(lakehouse.config.ingest.defaultDataset);
  return {
    name: `topic ${plan.topic}`,
    plan,
    totalEvents: plan.spans.reduce((sum, { from, toExclusive }) => sum + toExclusive - from, 0),
    events: (next, signal) =>
      mergeStreams(plan.spans.map((span) => partitionEvents(log, plan.topic, span, next, options.range, toRecord, signal))),
    warnings: () => [],
    failedLines: () => 0,
    close: async () => undefined,
  };
}

async function planTopic(
  log: EventLog,
  topic: string,
  { fromUs, toUs }: TimeRange,
  checkpoint: ReadonlyMap<number, number> | undefined,
): Promise<TopicPlan> {
  const bounds = await log.bounds(topic);
  if (bounds.length === 0) {
    throw new KeystoneError('KS_NOT_FOUND', `the topic ${topic} does not exist in the log`, {
      hint: 'keystone lag show; or name another one: --set log.topic=NAME',
    });
  }
  const spans: { partition: number; from: number; toExclusive: number }[] = [];
  for (const { partition, startOffset, endOffset } of bounds) {
    const first = fromUs === undefined ? startOffset : await log.offsetAt(topic, partition, fromUs);
    const end = toUs === undefined ? endOffset : await log.offsetAt(topic, partition, toUs);
    const from = Math.max(first, startOffset, checkpoint?.get(partition) ?? 0);
    // The end is the one seen first: what is appended meanwhile, by this replay too, is not part of it.
    const toExclusive = Math.min(end, endOffset);
    if (from < toExclusive) spans.push({ partition, from, toExclusive });
  }
  return { kind: 'topic', topic, topicId: await log.topicId(topic), spans };
}

async function* partitionEvents(
  log: EventLog,
  topic: string,
  span: TopicPlan['spans'][number],
  next: NextPositions,
  range: TimeRange,
  toRecord: ToBronzeRecord,
  signal: AbortSignal,
): ReplayEvents {
  const { partition, toExclusive } = span;
  const stream = streamName(topic, partition);
  let offset = Math.max(span.from, next.get(stream) ?? 0);
  while (offset < toExclusive) {
    signal.throwIfAborted();
    const { records, nextOffset } = await log.read(topic, partition, offset, READ);
    if (nextOffset === offset) return;
    const events: ReplayEvent[] = [];
    for (const record of records) {
      if (record.offset >= toExclusive) break;
      if (!isWithin(range, record.timestampUs)) continue;
      const { eventId, dataset, source, key, headers, payload, timestampUs } = toRecord(record);
      const origin = { topic, partition, offset: record.offset, timestampUs };
      events.push({ stream, position: record.offset, origin, eventId, dataset, source, key, headers, payload });
    }
    offset = nextOffset;
    if (events.length > 0) yield events;
  }
}
