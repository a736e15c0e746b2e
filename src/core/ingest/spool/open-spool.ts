/** The spool of one server process, beside the log of its project. */
import path from 'node:path';
import { isKeystoneError, KeystoneError, messageOf } from '../../errors.js';
import type { Lakehouse } from '../../lakehouse.js';
import type { EventLog, NewRecord } from '../../log/event-log.js';
import { partitionChooser } from '../../log/partition-choice.js';
import { isTransientFailure } from '../../resilience/transient-failure.js';
import { claimSlots, readKnownTopic, spoolFolder, writeKnownTopic, type KnownTopic } from '../../spool/spool-folder.js';
import { MODE_LEVELS, type SpoolState } from './spool-mode.js';
import { spooledAppends, type SpooledAppends } from './spooled-appends.js';

export interface OpenSpoolOptions {
  /** False: only what others left is taken, and nothing when nobody left anything. */
  readonly own: boolean;
  readonly onMode: (state: SpoolState) => void;
  readonly onWarning: (message: string) => void;
}

/** Of a log that stood still and is asked again: the question before may still be open. */
const HELD_LOOK_MS = 2000;

/** Where the spool of this project's topic lies; null: its log is on this machine, or there is to be none. */
export function spoolPlace({ config }: Pick<Lakehouse, 'config'>): string | null {
  const { ingest, profile, profileName, projectDir } = config;
  if (profile.log.adapter === 'embedded' || ingest.spool.patience === 0) return null;
  return spoolFolder(path.resolve(projectDir, ingest.spool.path), profileName, profile.log.topic);
}

/**
 * What is known of the topic: from the log, or, when that does not answer within the patience, from before. `isThere` tells which.
 * @throws KeystoneError KS_LOG when the log is away and the topic was never seen from here; KS_CREDENTIALS.
 */
async function lookForTopic(
  lakehouse: Lakehouse,
  folder: string,
): Promise<{ readonly known: KnownTopic; readonly isThere: boolean; readonly probe: () => Promise<KnownTopic> }> {
  const { config, effects } = lakehouse;
  const { topic, partitions } = config.profile.log;
  const log = await lakehouse.log();
  const before = await readKnownTopic(folder);
  const patienceMs = config.ingest.spool.patience;
  let asking: Promise<KnownTopic> | null = null;
  const ask = async (): Promise<KnownTopic> => {
    const count = await log.ensureTopic(topic, partitions);
    const recordBytes = (await log.named?.recordBytes(topic)) ?? Number.MAX_SAFE_INTEGER;
    const known = { partitions: count, recordBytes };
    await writeKnownTopic(folder, known, effects.processName).catch(() => undefined);
    return known;
  };
  const probe = async (): Promise<KnownTopic> => {
    asking ??= ask().finally(() => (asking = null));
    asking.catch(() => undefined);
    return withinPatience(lakehouse, asking, patienceMs);
  };
  try {
    return { known: await (before ? probe() : ask()), isThere: true, probe };
  } catch (error) {
    if (!(error instanceof Error) || !isTransientFailure(error)) throw error;
    if (before) return { known: before, isThere: false, probe };
    throw new KeystoneError(
      'KS_LOG',
      `${messageOf(error)}; topic ${topic} was never seen from here, so no event can be kept for it`,
      {
        hint:
          (isKeystoneError(error) ? error.hint : undefined) ?? 'start once while the brokers are there: keystone ingest serve',
        cause: error,
      },
    );
  }
}

/** Null: the log has no need of one. @throws what `lookForTopic` throws; KS_LOG when the folder cannot be used. */
export async function openSpool(lakehouse: Lakehouse, options: OpenSpoolOptions): Promise<SpooledAppends | null> {
  const { config, effects } = lakehouse;
  const { clock, logger, metrics } = effects;
  const folder = spoolPlace(lakehouse);
  const log: EventLog = await lakehouse.log();
  if (folder === null || !log.named) return null;
  const { topic } = config.profile.log;
  const { patience: patienceMs, maxSize } = config.ingest.spool;
  const { known, isThere, probe } = await lookForTopic(lakehouse, folder);
  const { slots, problems, notes } = await claimSlots(folder, {
    own: options.own,
    fileBytes: Math.min(16 * 1024 * 1024, Math.ceil(maxSize / 8)),
  });
  for (const text of [...problems, ...notes]) options.onWarning(text);
  if (slots.length === 0) return null;

  let chooser: { readonly partitions: number; readonly choose: (record: NewRecord) => number } | undefined;
  const partitionOf = (record: NewRecord, partitions: number): number => {
    if (chooser?.partitions !== partitions) {
      const first = Buffer.from(effects.randomBytes(4)).readUInt32BE() % partitions;
      chooser = { partitions, choose: partitionChooser(partitions, first) };
    }
    return chooser.choose(record);
  };
  const labels = { topic };
  metrics?.gauge('keystone_ingest_mode', MODE_LEVELS.log, labels);
  return spooledAppends({
    delivery: { named: log.named, topic, clock, patienceMs },
    slots,
    maxBytes: maxSize,
    clock,
    known,
    probe,
    partitionOf,
    isHeld: heldByHand(lakehouse),
    isLogThere: isThere,
    onMode: (state) => {
      const { mode, events, bytes, problem } = state;
      logger?.[mode === 'spooling' || mode === 'full' ? 'warn' : 'info']('ingest.mode', { topic, mode, events, bytes, problem });
      metrics?.gauge('keystone_ingest_mode', MODE_LEVELS[mode], labels);
      options.onMode(state);
    },
    onCounts: ({ events, bytes }) => {
      metrics?.gauge('keystone_ingest_spool_events', events, labels);
      metrics?.gauge('keystone_ingest_spool_bytes', bytes, labels);
    },
  });
}

/** Whether somebody has set the level to buffer-only; looked up beside the appends, which never wait for it. */
function heldByHand(lakehouse: Lakehouse): () => boolean {
  const { clock } = lakehouse.effects;
  let isHeld = false;
  let lookedAtMs = -Infinity;
  return () => {
    const nowMs = clock.nowMs();
    if (Math.abs(nowMs - lookedAtMs) >= HELD_LOOK_MS) {
      lookedAtMs = nowMs;
      void lakehouse.degradation().then((found) => {
        if (found) isHeld = found.mode === 'manual' && found.level === 'buffer-only';
      });
    }
    return isHeld;
  };
}

async function withinPatience<T>({ effects: { clock } }: Lakehouse, work: Promise<T>, patienceMs: number): Promise<T> {
  const over = new AbortController();
  const late = clock.sleep(patienceMs, over.signal).then((): never => {
    throw Object.assign(new KeystoneError('KS_LOG', `the log did not answer within ${patienceMs} ms`), { retriable: true });
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}
