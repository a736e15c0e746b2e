/** Events that were acknowledged and lie in the spool of this machine, not in the log yet. */
import path from 'node:path';
import { type BronzeRecord, bronzeRecordOf } from '../bronze/bronze-record.js';
import type { ResolvedConfig } from '../config/config.js';
import type { EventLog } from '../log/event-log.js';
import type { ReportProgress } from '../progress.js';
import { slotFront, type SentAs, type WaitingFrame } from '../spool/look-at-slot.js';
import { findSlots, steadyLook, type FoundSlot } from '../spool/look-at-spool.js';
import { decodeFrame } from '../spool/spool-frame.js';

export interface SpooledEvent {
  /** Its offset and log time mean nothing. */
  readonly record: BronzeRecord;
  readonly slot: FoundSlot;
  readonly spooledAtMs: number;
  /** Events of its partition that wait in front of it in its slot. */
  readonly eventsBefore: number;
  readonly sent: SentAs | null;
  /** Where it lies in the slot. */
  readonly file: number;
  readonly at: number;
}

export interface SpoolSearch {
  /** Of each slot in the order in which they came; at most `most` of them. */
  readonly found: readonly SpooledEvent[];
  readonly total: number;
  /** Damage, and folders that cannot be read: what is there was not searched. */
  readonly problems: readonly string[];
}

/** Whatever their topic. `wanted`: what `matches` compares with, byte for byte; frames that do not contain any of it are not decoded. */
export async function searchSpool(
  { ingest, profileName, projectDir }: Pick<ResolvedConfig, 'ingest' | 'profileName' | 'projectDir'>,
  options: {
    readonly wanted: readonly Uint8Array[];
    readonly matches: (record: BronzeRecord) => boolean;
    readonly most: number;
    readonly onProgress: ReportProgress;
  },
): Promise<SpoolSearch> {
  const { matches, most, onProgress } = options;
  const wanted = options.wanted.map((one) => Buffer.from(one));
  const toBronze = bronzeRecordOf(ingest.defaultDataset);
  const all = await findSlots(path.resolve(projectDir, ingest.spool.path), profileName);
  const found: SpooledEvent[] = [];
  const problems = [...all.unreadable];
  let total = 0;
  for (const [done, slot] of all.slots.entries()) {
    onProgress({ phase: 'search the spool', done, total: all.slots.length, unit: 'slots' });
    let here: SpooledEvent[] = [];
    let count = 0;
    const look = await steadyLook(slot.folder, () => {
      here = [];
      count = 0;
      const passed = new Map<number, number>();
      return (frame) => {
        if (wanted.some((one) => frame.bytes.includes(one))) {
          for (const event of eventsOf(frame, slot, passed, toBronze)) {
            if (!matches(event.record)) continue;
            count += 1;
            if (found.length + here.length < most) here.push(copied(event));
          }
        }
        for (const run of frame.head.runs) passed.set(run.partition, (passed.get(run.partition) ?? 0) + run.count);
      };
    });
    found.push(...here);
    total += count;
    problems.push(...look.problems);
  }
  return { found, total, problems };
}

/** What became of it: it waits; the log has it, there; or it was sent, by now at least, and nobody can tell whether the log took it. */
export type SinceFound = 'waits' | 'unknown' | { readonly offset: number };

const FIND_MS = 5000;

/** Asks the log for those that were sent, and the slot for the others. `log` null: it is away. */
export async function sinceFound(event: SpooledEvent, log: EventLog | null): Promise<SinceFound> {
  const { slot, sent, file, at, record } = event;
  if (sent) {
    const base = await log?.named?.find(record.topic, sent.batch, FIND_MS).catch(() => undefined);
    if (base !== undefined && base !== null) return { offset: base + sent.index };
    if (base === undefined) return 'unknown';
  }
  const front = await slotFront(slot.folder).catch(() => null);
  const waits = front !== null && (front.file < file || (front.file === file && front.at <= at));
  return waits ? 'waits' : 'unknown';
}

function* eventsOf(
  frame: WaitingFrame,
  slot: FoundSlot,
  passed: ReadonlyMap<number, number>,
  toBronze: ReturnType<typeof bronzeRecordOf>,
): Generator<SpooledEvent> {
  const { atMs, runs } = decodeFrame(frame.bytes);
  const here = new Map<number, number>();
  for (const [r, { partition, records }] of runs.entries()) {
    for (const [index, record] of records.entries()) {
      const nth = here.get(partition) ?? 0;
      here.set(partition, nth + 1);
      yield {
        record: toBronze({ ...record, topic: slot.topic, partition, offset: -1, timestampUs: 0 }),
        slot,
        spooledAtMs: atMs,
        eventsBefore: (passed.get(partition) ?? 0) + nth,
        sent: frame.sentAs(r, index),
        file: frame.file,
        at: frame.at,
      };
    }
  }
}

/** Out of the file's buffer, which would be kept whole. */
const copied = (event: SpooledEvent): SpooledEvent => {
  const { record } = event;
  const headers = record.headers.map(({ key, value }) => ({ key, value: value.slice() }));
  const key = record.key && record.key.slice();
  return {
    ...event,
    record: { ...record, key, payload: record.payload && record.payload.slice(), eventId: record.eventId.slice(), headers },
  };
};
