/**
 * `ingest replay`: events again, from the log, bronze, a recorded trace or files.
 *
 *   source (order fixed at the start) → selection → pace → identity (old id or new) → log or server
 *                                                              └► cursor file, once durable
 */
import path from 'node:path';
import { isKeystoneError, KeystoneError } from '../errors.js';
import { withFetchedFiles } from '../ingest/fetched-files.js';
import { createResultTally, type ShownRefusal } from '../ingest/result-tally.js';
import type { ServerAccess } from '../ingest/server-access.js';
import { hostOfAddress } from '../ingest/server-address.js';
import type { Lakehouse } from '../lakehouse.js';
import { nearestName } from '../nearest-name.js';
import type { ReportProgress } from '../progress.js';
import { isS3Uri } from '../store/lake-place.js';
import { openSelection } from './event-selection.js';
import { openSource, sourceKind } from './open-source.js';
import { cursorFile, type CursorFile, type ReplayCursor, type ReplayKey } from './replay-cursor.js';
import { originalPace, parseRate, parseSpeed, steadyPace, type Pace } from './replay-pace.js';
import { newIdentity, oldIdentity } from './replay-record.js';
import { openReplaySink, probeServer, type ReplayTarget } from './replay-sink.js';
import type { ReplaySource } from './replay-source.js';
import { sendReplay, type ReplayCounts, type ReplayStand } from './send-replay.js';
import { parseTimeRange } from './time-range.js';

export interface RunReplayOptions {
  /** `topic`, `bronze`, or paths of files and folders, local or `s3://bucket/key`. */
  readonly sources: readonly string[];
  /** Log times, as typed; the end is outside. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Of plain files the dataset of every event (undefined: by file name); of all other sources the dataset that is meant. */
  readonly dataset: string | undefined;
  readonly where: string | undefined;
  readonly asOf: string | undefined;
  readonly fromCheckpoint: string | undefined;
  /** `500/s`; undefined: as fast as it goes. */
  readonly rate: string | undefined;
  /** `10x`. */
  readonly speed: string | undefined;
  readonly limit: number | undefined;
  /** New ids instead of the old ones. */
  readonly asNew: boolean;
  /** Undefined: the profile's topic. */
  readonly toTopic: string | undefined;
  /** `host:port` of an ingest server; undefined: straight into the log. */
  readonly server: string | undefined;
  /** What to show to that server, and to demand of it. */
  readonly access?: ServerAccess | undefined;
  readonly dryRun: boolean;
  readonly resume: boolean;
  /** The command as typed, without `--resume`: what a hint names to go on. */
  readonly command: string;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/** Counts are those of all runs of a resumed replay together. */
export interface RunReplayResult extends ReplayCounts {
  readonly source: string;
  readonly accepted: number;
  readonly refused: number;
  readonly refusals: readonly ShownRefusal[];
  /** How long the paced replay lasts, by its pace; in a dry run how long it would. 0 without a pace. */
  readonly paceMs: number;
  /** NDJSON lines that are longer than `ingest.maxMessage` and were left out. */
  readonly failedLines: number;
  /** An unfinished replay that this one replaces, a dataset without contract, a header that does not fit, a file without events. */
  readonly warnings: readonly string[];
  readonly resumed: boolean;
  readonly dryRun: boolean;
}

/**
 * @throws KeystoneError KS_USAGE for flags that do not fit together, KS_SQL for a condition that is none, KS_NOT_FOUND for a source that is
 *   not there or nothing to resume, KS_INTERRUPTED when stopped: everything until then is durable, and the hint goes on.
 */
export async function runReplay(lakehouse: Lakehouse, options: RunReplayOptions): Promise<RunReplayResult> {
  const { dryRun, signal } = options;
  const target = targetOf(lakehouse, options);
  const pace = await paceOf(lakehouse, options);
  const range = parseTimeRange(options.from, options.to);
  const file = cursorFile(path.dirname(lakehouse.config.profile.state.path), keyOf(options, target));
  const earlier = await file.load();
  if (options.resume && !earlier) {
    throw new KeystoneError('KS_NOT_FOUND', 'there is no unfinished replay of this source with these flags', {
      hint: options.command,
    });
  }
  const resumed = options.resume ? earlier : null;
  // Of plain files --dataset is what their events are, and selects nothing.
  const { asOf, fromCheckpoint, dataset, where } = options;
  const selection = await openSelection(lakehouse, { range, dataset, where });
  try {
    return await withFetchedFiles(lakehouse, options.sources, options, async ({ paths: sources, named }) => {
      const saved = resumed?.plan;
      const source = await openSource(lakehouse, { sources, named, range, dataset, asOf, fromCheckpoint, saved, signal });
      try {
        const cursor = resumed ?? newCursor(lakehouse, source, options);
        const sent = await send(lakehouse, { options, target, pace, source, selection, cursor, file });
        if (!dryRun) await file.remove();
        const warnings = [
          ...(options.resume ? [] : unfinishedWarning(earlier, dryRun)),
          ...identityWarning(target),
          ...(await unknownDatasetWarning(lakehouse, dataset, sent.events)),
          ...source.warnings().map(named),
        ];
        return { source: source.name, ...sent, failedLines: source.failedLines(), warnings, resumed: resumed !== null, dryRun };
      } finally {
        await source.close();
      }
    });
  } finally {
    await selection.close();
  }
}

/** Kafka's rule, which holds for every log (org.apache.kafka.common.internals.Topic). */
const TOPIC_NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/;

interface Sending {
  readonly options: RunReplayOptions;
  readonly target: ReplayTarget;
  readonly pace: Pace | undefined;
  readonly source: ReplaySource;
  readonly selection: Awaited<ReturnType<typeof openSelection>>;
  readonly cursor: ReplayCursor;
  readonly file: CursorFile;
}

type Sent = Omit<RunReplayResult, 'source' | 'failedLines' | 'warnings' | 'resumed' | 'dryRun'>;

async function send(lakehouse: Lakehouse, { options, target, pace, source, selection, cursor, file }: Sending): Promise<Sent> {
  const { dryRun, signal, limit, progress } = options;
  const tally = createResultTally();
  const totals = (): Omit<Sent, keyof ReplayCounts | 'paceMs'> => {
    const { accepted, refused, refusals } = tally.counts();
    return { accepted: cursor.counts.accepted + accepted, refused: cursor.counts.refused + refused, refusals };
  };
  const save = async ({ next, events, bytes, datasets }: ReplayStand): Promise<void> => {
    const { accepted, refused } = totals();
    const counts = { events, bytes, accepted, refused, datasets: { ...datasets } };
    await file.save({ ...cursor, next: Object.fromEntries(next), counts });
    lakehouse.effects.collectGarbage?.();
  };
  const start: ReplayStand = { ...cursor.counts, next: new Map(Object.entries(cursor.next)) };
  const identityOf = options.asNew ? newIdentity(cursor.replayId) : oldIdentity;
  if (dryRun && target.kind === 'server') await probeServer(lakehouse, target, signal);
  const sink = dryRun ? null : await openReplaySink(lakehouse, { target, identityOf, onResults: tally.onResults, signal });
  try {
    // Before the first event: new ids are made from the replay's own, which therefore must outlive this process.
    if (!dryRun) await save(start);
    const { clock } = lakehouse.effects;
    const sent = await sendReplay({ source, selection, sink, pace, limit, start, onDurable: save, clock, progress, signal });
    const { events, bytes, datasets, paceMs } = sent;
    return { events, bytes, datasets, paceMs, ...totals() };
  } catch (error) {
    if (!isKeystoneError(error) || error.code !== 'KS_INTERRUPTED') throw error;
    throw new KeystoneError('KS_INTERRUPTED', error.message, {
      hint: dryRun ? options.command : `${options.command} --resume`,
      cause: error.cause,
    });
  } finally {
    sink?.close();
  }
}

function targetOf(lakehouse: Lakehouse, { server, access, toTopic }: RunReplayOptions): ReplayTarget {
  if (toTopic !== undefined && !TOPIC_NAME.test(toTopic)) {
    throw new KeystoneError('KS_USAGE', `${JSON.stringify(toTopic)} is no name of a topic`, {
      hint: 'up to 249 letters, digits, dots, _ and -, and not . or ..',
    });
  }
  if (server === undefined) return { kind: 'topic', topic: toTopic ?? lakehouse.config.profile.log.topic };
  if (toTopic !== undefined) {
    throw new KeystoneError('KS_USAGE', '--server and --to-topic exclude each other: a server writes to its own topic', {
      hint: 'keystone ingest replay topic --to-topic NAME',
    });
  }
  hostOfAddress(server);
  return { kind: 'server', address: server, access };
}

async function paceOf(lakehouse: Lakehouse, { rate, speed }: RunReplayOptions): Promise<Pace | undefined> {
  if (rate !== undefined && speed !== undefined) {
    throw new KeystoneError('KS_USAGE', '--rate and --speed exclude each other', {
      hint: 'keystone ingest replay topic --speed 60x',
    });
  }
  if (rate !== undefined) return steadyPace(parseRate(rate));
  return speed === undefined ? undefined : originalPace(parseSpeed(speed), await lakehouse.contracts());
}

function keyOf(options: RunReplayOptions, target: ReplayTarget): ReplayKey {
  const { sources, from, to, dataset, where, asOf, fromCheckpoint, limit, asNew } = options;
  return {
    sources: sourceKind(sources) === 'files' ? sources.map((file) => (isS3Uri(file) ? file : path.resolve(file))) : sources,
    from: from ?? null,
    to: to ?? null,
    dataset: dataset ?? null,
    where: where ?? null,
    asOf: asOf ?? null,
    fromCheckpoint: fromCheckpoint ?? null,
    limit: limit ?? null,
    asNew,
    target: target.kind === 'topic' ? `topic ${target.topic}` : `server ${target.address}`,
  };
}

function newCursor(lakehouse: Lakehouse, { plan }: ReplaySource, { command }: RunReplayOptions): ReplayCursor {
  const { clock, randomBytes } = lakehouse.effects;
  return {
    version: 1,
    replayId: Buffer.from(randomBytes(16)).toString('hex'),
    command,
    startedAtMs: Math.floor(clock.nowMs()),
    plan,
    next: {},
    counts: { events: 0, bytes: 0, accepted: 0, refused: 0, datasets: {} },
  };
}

function unfinishedWarning(earlier: ReplayCursor | null, dryRun: boolean): readonly string[] {
  if (!earlier) return [];
  const began = `a replay of this that began at ${new Date(earlier.startedAtMs).toISOString()} stopped after ${earlier.counts.events} events`;
  const goOn = `${earlier.command} --resume`;
  return [dryRun ? `${began} and is unfinished: ${goOn}` : `${began}; this one began anew in its place (instead of ${goOn})`];
}

/** Who proves who he is becomes the source of what he sends. */
function identityWarning(target: ReplayTarget): readonly string[] {
  const proves = target.kind === 'server' && (target.access?.token ?? target.access?.tls?.cert ?? null) !== null;
  return proves
    ? [
        'the source of these events becomes the identity that you prove to the server; the one they had is kept as ks-claimed-source',
      ]
    : [];
}

/** Nothing came of a dataset that nobody knows: its name may be a slip. */
async function unknownDatasetWarning(
  lakehouse: Lakehouse,
  dataset: string | undefined,
  events: number,
): Promise<readonly string[]> {
  if (dataset === undefined || events > 0) return [];
  const known = [...(await lakehouse.contracts()).keys()];
  if (known.includes(dataset)) return [];
  const near = nearestName(dataset, known);
  return [
    `there is no event of the dataset ${dataset}, and no contract for it: ${near === undefined ? `datasets: ${known.join(', ')}` : `did you mean ${near}?`}`,
  ];
}
