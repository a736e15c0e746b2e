/**
 * The log offsets that a snapshot carries in its summary: how far the table has consumed each topic-partition, which offsets
 * inside that the log did not hold, which of these were given up as lost, and the highest fencing token that committed.
 */
import { z } from 'zod';
import { KeystoneError } from '../errors.js';
import type { AcceptedLoss, NextOffsets, OffsetHole, Snapshot } from './table-api.js';

/** JSON `{"<topic>":{"<partition>":<next offset>}}`: always the whole vector. */
export const SUMMARY_NEXT_OFFSETS = 'keystone.next-offsets';
/** JSON list of `OffsetHole`: all of the table's. */
export const SUMMARY_HOLES = 'keystone.holes';
/** JSON list of `AcceptedLoss`: all of the table's. Only bronze's commits bring it. */
export const SUMMARY_LOSSES = 'keystone.losses';
/** Decimal digits. */
export const SUMMARY_FENCING_TOKEN = 'keystone.fencing-token';
/** JSON `{"<topic>":"<identity of the topic in the log>"}`: only bronze's commits bring it. */
export const SUMMARY_LOG_ID = 'keystone.log-id';
/** What every later snapshot repeats, so that expiring old ones never loses it. */
export const CARRIED_SUMMARY_KEYS = [
  SUMMARY_NEXT_OFFSETS,
  SUMMARY_HOLES,
  SUMMARY_LOSSES,
  SUMMARY_FENCING_TOKEN,
  SUMMARY_LOG_ID,
] as const;

const offset = z.number().int().nonnegative();
const storedOffsets = z.record(z.string(), z.record(z.string().regex(/^\d+$/), offset));
const storedHoles = z.array(z.strictObject({ topic: z.string(), partition: offset, from: offset, toExclusive: offset }));
const storedLosses = z.array(
  z.strictObject({ acceptedAtMs: z.number().int(), by: z.string(), reason: z.string(), offsets: storedHoles }),
);

/** Next offsets of this one snapshot; empty when it carries none (another engine's, or a table that is not fed from the log). */
export const snapshotNextOffsets = (snapshot: Pick<Snapshot, 'id' | 'summary'>): NextOffsets =>
  parseNextOffsets(snapshot.summary[SUMMARY_NEXT_OFFSETS], snapshot.id);

/** Throws KS_TABLE_CORRUPT when the text is not of the form above. */
export function parseNextOffsets(text: string | undefined, snapshotId: bigint): NextOffsets {
  const stored = parsed(storedOffsets, text ?? '{}', SUMMARY_NEXT_OFFSETS, snapshotId);
  return new Map(
    Object.entries(stored).map(([topic, partitions]) => [
      topic,
      new Map(Object.entries(partitions).map(([partition, next]) => [Number(partition), next])),
    ]),
  );
}

/** Throws KS_TABLE_CORRUPT when the text is not of the form above. */
export const parseHoles = (text: string | undefined, snapshotId: bigint): readonly OffsetHole[] =>
  parsed(storedHoles, text ?? '[]', SUMMARY_HOLES, snapshotId);

/** Partitions of the topic of which the snapshot holds more than `next` says, ascending. */
export const partitionsAhead = (
  snapshot: Pick<Snapshot, 'id' | 'summary'>,
  topic: string,
  next: NextOffsets,
): readonly number[] =>
  [...(snapshotNextOffsets(snapshot).get(topic) ?? [])]
    .filter(([partition, end]) => end > (next.get(topic)?.get(partition) ?? 0))
    .map(([partition]) => partition)
    .toSorted((a, b) => a - b);

/** Throws KS_TABLE_CORRUPT when the text is not of the form above. */
export const parseLosses = (text: string | undefined, snapshotId: bigint): readonly AcceptedLoss[] =>
  parsed(storedLosses, text ?? '[]', SUMMARY_LOSSES, snapshotId);

/** Topics and partitions in order, so equal vectors are equal texts. */
export function nextOffsetsText(offsets: NextOffsets): string {
  const topics = [...offsets].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(
    Object.fromEntries(
      topics.map(([topic, partitions]) => [topic, Object.fromEntries([...partitions].toSorted(([a], [b]) => a - b))]),
    ),
  );
}

/** True when `a` is behind `b` somewhere. */
export const isBehind = (a: NextOffsets, b: NextOffsets): boolean =>
  [...b].some(([topic, partitions]) => [...partitions].some(([partition, next]) => (a.get(topic)?.get(partition) ?? 0) < next));

function parsed<T>(shape: z.ZodType<T>, text: string, key: string, snapshotId: bigint): T {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    stored = undefined;
  }
  const result = shape.safeParse(stored);
  if (result.success) return result.data;
  throw new KeystoneError('KS_TABLE_CORRUPT', `Snapshot ${snapshotId} has an unreadable ${key} in its summary`, {
    hint: 'Roll the table back to an earlier snapshot (keystone table show lists them).',
    cause: result.error,
  });
}
