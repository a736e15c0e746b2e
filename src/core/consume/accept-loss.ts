/**
 * `consume accept-loss`: the way on for a lake whose log has lost events before they were landed. It lands an empty batch over the lost
 * offsets, under landing's own fence: one commit, after which they are a hole that says who gave them up, when and why. The account tells
 * it from then on (docs/formats.md, "Account").
 */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { landBatch } from '../bronze/land-batch.js';
import { logIdSummary } from '../bronze/log-identity.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { refuseMovedLake } from '../table/moved-lake.js';
import { randomHexId } from '../table/random-names.js';
import type { AcceptedLoss, CommitOutcome, TableState } from '../table/table-api.js';
import { heldWork } from './held-work.js';
import { findLoss, type Loss, type LostOffsets } from './lost-offsets.js';
import { noLander } from './no-lander.js';

export interface AcceptLossOptions {
  /** Empty: all that lost events. */
  readonly partitions: readonly number[];
  /** Why, for whoever reads the account later; null: none was given. */
  readonly reason: string | null;
  /** Who accepts it: `user@host`. */
  readonly by: string;
  readonly dryRun: boolean;
  /** The person has agreed. */
  readonly confirmed: boolean;
  readonly signal: AbortSignal;
  readonly onNotice?: (text: string) => void;
}

export interface LossAcceptance {
  readonly topic: string;
  readonly lost: readonly LostOffsets[];
  readonly eventsAtMost: number;
  /** The commit that tells it; null: nothing was changed. */
  readonly accepted: {
    readonly at: string;
    readonly by: string;
    readonly reason: string;
    /** Of bronze.events, as text. */
    readonly snapshot: string;
  } | null;
  readonly dryRun: boolean;
}

/** Every later snapshot of bronze repeats it. */
const LONGEST_REASON = 300;
const TRIES = 5;

/**
 * Nothing lost is no error. Throws KS_USAGE (also unless `confirmed`, and without a reason), KS_NOT_FOUND, KS_LEASE_HELD while a consumer
 * lives that may land the partitions, KS_LOG_RECREATED, KS_DEGRADED, KS_TABLE_CORRUPT, KS_COMMIT_CONFLICT.
 */
export async function acceptLoss(lakehouse: Lakehouse, options: AcceptLossOptions): Promise<LossAcceptance> {
  const { partitions, dryRun, by, signal, onNotice } = options;
  await refuseMovedLake(lakehouse);
  const result = (found: Loss, accepted: LossAcceptance['accepted']): LossAcceptance => ({
    topic: found.topic,
    lost: found.lost,
    eventsAtMost: atMost(found),
    accepted,
    dryRun,
  });
  const before = await findLoss(lakehouse, partitions);
  if (dryRun || before.lost.length === 0) return result(before, null);
  const reason = agreedReason(options, before);
  await heldWork(lakehouse, { untilCaughtUp: true, signal, ...(onNotice && { onNotice }) }).landing();
  const alone = await noLander(lakehouse, {
    partitions: before.lost.map(({ partition }) => partition),
    again: 'keystone consume accept-loss --dry-run',
    signal,
    onNotice,
  });
  try {
    for (let tries = 1; tries <= TRIES; tries++) {
      // Again, and after each lost race: the log's start moves on, and the last lander may have brought what it held.
      const found = await findLoss(
        lakehouse,
        before.lost.map(({ partition }) => partition),
      );
      if (found.lost.length === 0) return result(found, null);
      const loss = lossOf(found, { acceptedAtMs: lakehouse.effects.clock.nowMs(), by, reason });
      const outcome = await land(lakehouse, found, loss, alone.hold);
      if (outcome.kind !== 'committed') {
        onNotice?.(`bronze.events: ${outcome.reason}; looking again`);
        continue;
      }
      const accepted = { at: new Date(loss.acceptedAtMs).toISOString(), by, reason, snapshot: String(outcome.snapshot.id) };
      const done = result(found, accepted);
      await remember(lakehouse, done, loss.acceptedAtMs);
      return done;
    }
  } finally {
    await alone.release();
  }
  throw new KeystoneError('KS_COMMIT_CONFLICT', `another writer of bronze.events was first ${TRIES} times; nothing was changed`, {
    hint: 'keystone consume accept-loss --dry-run',
  });
}

const atMost = ({ lost }: Loss): number => lost.reduce((sum, { eventsAtMost }) => sum + eventsAtMost, 0);

function agreedReason({ partitions: only, reason, confirmed }: AcceptLossOptions, found: Loss): string {
  const text = (reason ?? '').replaceAll(/\s+/g, ' ').trim();
  const named = only.map((partition) => `--partition ${partition} `).join('');
  const quoted = `'${(text || 'why it is given up').replaceAll("'", String.raw`'\''`)}'`;
  const again = `keystone consume accept-loss ${named}--reason ${quoted} --yes`;
  if (!confirmed || text === '') {
    const partitions = `${found.lost.length} partition${found.lost.length === 1 ? '' : 's'} of ${found.topic}`;
    throw new KeystoneError(
      'KS_USAGE',
      `${partitions} lost at most ${atMost(found)} events${text === '' ? ', and no --reason says why they are given up' : ''}; nothing was changed`,
      { hint: `The same with --dry-run shows them by partition; this gives them up: ${again}` },
    );
  }
  if (text.length > LONGEST_REASON) {
    throw new KeystoneError('KS_USAGE', `--reason has ${text.length} characters, ${LONGEST_REASON} are the most`, {
      hint: 'Name the incident; its report tells the rest.',
    });
  }
  return text;
}

const lossOf = ({ topic, lost }: Loss, who: Omit<AcceptedLoss, 'offsets'>): AcceptedLoss => ({
  ...who,
  offsets: lost.map(({ partition, lakeOffset, logStart }) => ({ topic, partition, from: lakeOffset, toExclusive: logStart })),
});

/** An empty batch over the lost offsets: refused, as every batch, where another writer was there first. */
async function land(lakehouse: Lakehouse, found: Loss, loss: AcceptedLoss, hold: () => void): Promise<CommitOutcome> {
  const bronze = await lakehouse.ensureTable(BRONZE_EVENTS);
  const state: TableState = found.bronze ?? (await bronze.state());
  const ranges = loss.offsets.map(({ topic, partition, from, toExclusive }) => ({
    topic,
    partition,
    expectedNext: from,
    endExclusive: toExclusive,
  }));
  const summary = logIdSummary(state, found.topic, found.logId);
  return landBatch(
    bronze,
    await lakehouse.store(),
    { records: [], ranges, holes: [], loss, summary },
    {
      commitId: randomHexId(lakehouse.effects.randomBytes),
      ingestedAtUs: loss.acceptedAtMs * 1000,
      // The partitions' own offsets decide, as for a member of a group.
      hold: () => {
        hold();
        return null;
      },
    },
  );
}

/** In the history of runs and in the log; the table itself is the record. */
async function remember({ effects, state }: Lakehouse, done: LossAcceptance, startedAtMs: number): Promise<void> {
  const { topic, eventsAtMost, accepted } = done;
  effects.logger?.warn('consume.loss-accepted', {
    topic,
    eventsAtMost,
    by: accepted?.by ?? null,
    reason: accepted?.reason ?? null,
  });
  const run = { command: 'consume accept-loss', status: 'succeeded', startedAtMs, endedAtMs: effects.clock.nowMs() } as const;
  await state()
    .then((store) => store.saveRun({ id: randomHexId(effects.randomBytes), ...run, detail: done }))
    .catch(() => undefined);
}
