import { describe, expect, it, onTestFinished } from 'vitest';
import { runCompact } from '../../../src/core/care/run-compact.js';
import { tableHistory } from '../../../src/core/care/table-history.js';
import { type AcceptLossOptions, acceptLoss, type LossAcceptance } from '../../../src/core/consume/accept-loss.js';
import { leaseName } from '../../../src/core/state/lease-name.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import type { GroupMember } from '../../../src/core/log/group-membership.js';
import { rollbackTables } from '../../../src/core/rollback/rollback-tables.js';
import { keepLease } from '../../../src/core/state/lease-keeper.js';
import { runTrace } from '../../../src/core/trace/run-trace.js';
import { dyingLake } from '../../support/dying-lake.js';
import { expireEvents, moveEvents } from '../../support/expire-events.js';
import { testLake } from '../../support/test-lake.js';
import { consume, order, put, rows } from '../silver/consume-support.js';

const never = new AbortController().signal;
const agreed = { partitions: [], reason: 'INC-7', by: 'ada@night', dryRun: false, confirmed: true, signal: never };
const accept = (lake: Lakehouse, options: Partial<AcceptLossOptions> = {}): Promise<LossAcceptance> =>
  acceptLoss(lake, { ...agreed, ...options });

/** One append for each event, so that each can expire by itself. */
async function events(lake: Lakehouse, from: number, to: number, partition = 0): Promise<void> {
  for (let n = from; n < to; n++) await put(lake, [{ id: `${partition}-${n}`, payload: order(`${partition}-${n}`), partition }]);
}

/** Landed up to 3 in partition 0 and up to 1 in partition 1; in the log are 10 and 4, of which those below 7 and none expired. */
async function truncatedLake(): Promise<{ readonly lake: Lakehouse; readonly dir: string; readonly topic: string }> {
  const { lake, dir } = await testLake({ consume: { leaseTtl: '1s' } });
  const { topic } = lake.config.profile.log;
  await events(lake, 0, 3);
  await events(lake, 0, 1, 1);
  await consume(lake);
  await events(lake, 3, 10);
  await events(lake, 1, 4, 1);
  expireEvents(dir, topic, 0, 7);
  return { lake, dir, topic };
}

const snapshots = async (lake: Lakehouse): Promise<number> =>
  (await (await lake.table('bronze.events'))!.state()).snapshots.length;
const account = (lake: Lakehouse) => verifyLedger(lake, { deep: true });

describe('a loss', () => {
  it('stops the consumer until it is accepted; then the consumer goes on behind it and the account names it', async () => {
    const { lake, topic } = await truncatedLake();
    await expect(consume(lake)).rejects.toMatchObject({
      code: 'KS_LOG_TRUNCATED',
      hint: expect.stringContaining('keystone consume accept-loss --dry-run'),
    });
    expect(await (await lake.state()).listRuns({ command: 'consume run', limit: 9 })).toMatchObject([
      { status: 'failed', detail: { topic, error: expect.stringContaining('expired unread') } },
      { status: 'succeeded' },
    ]);
    const done = await accept(lake, { reason: '  INC-7:\n retention ' });
    expect(done).toMatchObject({
      topic,
      eventsAtMost: 4,
      lost: [{ partition: 0, lakeOffset: 3, logStart: 7, eventsAtMost: 4 }],
      accepted: { by: 'ada@night', reason: 'INC-7: retention' },
    });
    await consume(lake);
    expect(await rows(lake, 'SELECT kafka_offset AS o FROM bronze.events WHERE kafka_partition = 0 ORDER BY 1')).toEqual(
      [0, 1, 2, 7, 8, 9].map((o) => ({ o })),
    );
    expect(await rows(lake, 'SELECT count(*)::INT AS n FROM silver.orders')).toEqual([{ n: 10 }]);
    for (const deep of [false, true]) {
      expect(await verifyLedger(lake, { deep })).toMatchObject({
        closed: true,
        breaks: [],
        totals: { bronze: 10, processed: 10, unprocessed: 0, pending: 0, lostAtMost: 4 },
        losses: [
          {
            topic,
            partition: 0,
            from: 3,
            toExclusive: 7,
            eventsAtMost: 4,
            acceptedAt: done.accepted!.at,
            by: 'ada@night',
            reason: 'INC-7: retention',
          },
        ],
        partitions: expect.arrayContaining([expect.objectContaining({ partition: 0, bronzeNext: 10, holes: 0, lost: 4 })]),
      });
    }
    await expect(runTrace(lake, { event: `${topic}/0/5` })).rejects.toMatchObject({
      code: 'KS_NOT_FOUND',
      message: expect.stringContaining(
        `expired in the log before it was landed; the loss was accepted ${done.accepted!.at} by ada@night: INC-7: retention`,
      ),
    });
    expect(await (await lake.state()).listRuns({ command: 'consume accept-loss', limit: 9 })).toMatchObject([
      { status: 'succeeded', detail: { eventsAtMost: 4 } },
    ]);
  });

  it('is shown with the times between which it lies, and nothing is changed', async () => {
    const { lake } = await truncatedLake();
    const before = await snapshots(lake);
    const { lost, accepted } = await accept(lake, { dryRun: true, reason: null, confirmed: false });
    expect(accepted).toBeNull();
    const times = await rows(lake, 'SELECT epoch_ms(max(log_time))::BIGINT AS ms FROM bronze.events WHERE kafka_partition = 0');
    expect(Date.parse(lost[0]!.lastLandedAt!)).toBe(Number(times[0]!['ms']));
    const log = await lake.log();
    const [first] = (await log.read(lake.config.profile.log.topic, 0, 7, { maxRecords: 1, maxBytes: 1 })).records;
    expect(Date.parse(lost[0]!.firstHeldAt!)).toBe(Math.floor(first!.timestampUs / 1000));
    expect(await snapshots(lake)).toBe(before);
  });

  it('of a lake that begins on a topic whose first events are gone is accepted the same way, however many they were', async () => {
    const { lake, dir } = await testLake();
    const { topic } = lake.config.profile.log;
    const start = 5_000_000_000;
    await events(lake, 0, 2);
    moveEvents(dir, topic, 0, start);
    await expect(consume(lake)).rejects.toMatchObject({ code: 'KS_LOG_TRUNCATED' });
    expect(await accept(lake, { dryRun: true })).toMatchObject({
      lost: [{ partition: 0, lakeOffset: 0, logStart: start, lastLandedAt: null }],
    });
    expect(await accept(lake)).toMatchObject({ eventsAtMost: start, accepted: { reason: 'INC-7' } });
    await consume(lake);
    expect(await account(lake)).toMatchObject({ closed: true, totals: { bronze: 2, processed: 2, lostAtMost: start } });
  });

  it('is accepted only for the partitions that are named', async () => {
    const { lake, dir, topic } = await truncatedLake();
    expireEvents(dir, topic, 1, 2);
    expect(await accept(lake, { partitions: [1] })).toMatchObject({ lost: [{ partition: 1, lakeOffset: 1, logStart: 2 }] });
    await expect(consume(lake)).rejects.toMatchObject({ code: 'KS_LOG_TRUNCATED', details: { partition: 0 } });
    expect(await accept(lake, { partitions: [1] })).toMatchObject({ lost: [], accepted: null });
    expect(await accept(lake, { reason: 'INC-8' })).toMatchObject({ lost: [{ partition: 0 }] });
    await consume(lake);
    expect(await account(lake)).toMatchObject({
      closed: true,
      losses: [
        { partition: 1, reason: 'INC-7' },
        { partition: 0, reason: 'INC-8' },
      ],
    });
    await expect(accept(lake, { partitions: [3] })).rejects.toMatchObject({
      code: 'KS_NOT_FOUND',
      message: `${topic} has no partition 3: it has 0 to 2`,
    });
  });

  it('is not accepted without a word of agreement, or a reason that later snapshots can repeat', async () => {
    const { lake } = await truncatedLake();
    const before = await snapshots(lake);
    for (const options of [{ confirmed: false }, { reason: null }, { reason: ' \n ' }, { reason: 'x'.repeat(301) }])
      await expect(accept(lake, options)).rejects.toMatchObject({ code: 'KS_USAGE', hint: expect.stringMatching(/./) });
    const asked = { confirmed: false, partitions: [0, 1], reason: "the night's outage" };
    await expect(accept(lake, asked)).rejects.toMatchObject({
      hint: expect.stringContaining(
        String.raw`keystone consume accept-loss --partition 0 --partition 1 --reason 'the night'\''s outage' --yes`,
      ),
    });
    expect(await snapshots(lake)).toBe(before);
  });

  it('that is none changes nothing, whatever was agreed to', async () => {
    const { lake } = await testLake();
    await events(lake, 0, 2);
    await consume(lake);
    const before = await snapshots(lake);
    expect(await accept(lake, { reason: null, confirmed: false })).toMatchObject({ lost: [], eventsAtMost: 0, accepted: null });
    expect(await snapshots(lake)).toBe(before);
  });
});

describe('an accepted loss', () => {
  it('is still told after compaction', async () => {
    const { lake } = await truncatedLake();
    await accept(lake);
    await consume(lake);
    await events(lake, 10, 12);
    await consume(lake);
    const table = (await lake.table('bronze.events'))!;
    const files = (await table.scan()).files.length;
    const once = { tables: ['bronze.events'], minFiles: 2, dryRun: false, progress: () => undefined, signal: never };
    await runCompact(lake, once);
    expect((await table.scan()).files.length).toBeLessThan(files);
    expect(await account(lake)).toMatchObject({ closed: true, losses: [{ from: 3, toExclusive: 7, reason: 'INC-7' }] });
    const { snapshots: history } = await tableHistory(lake, 'bronze.events', 9);
    expect(history.map(({ broughtBy }) => broughtBy)).toEqual(['compaction', 'log', 'log', 'accepted loss', 'log']);
  });

  it('is taken back by no rollback while the log does not hold the events', async () => {
    const { lake } = await truncatedLake();
    const bronze = (await lake.table('bronze.events'))!;
    const before = (await bronze.state()).currentSnapshot!.id;
    const { accepted } = await accept(lake);
    await consume(lake);
    const rollback = (to: string) =>
      rollbackTables(lake, { table: 'bronze.events', to, dryRun: false, confirmed: true, signal: never });
    await expect(rollback(String(before))).rejects.toMatchObject({ code: 'KS_LOG_TRUNCATED' });
    await rollback(accepted!.snapshot);
    expect(await account(lake)).toMatchObject({ losses: [{ from: 3, toExclusive: 7 }], totals: { lostAtMost: 4 } });
    await consume(lake);
    expect(await account(lake)).toMatchObject({ closed: true, totals: { bronze: 10, lostAtMost: 4 } });
  });

  it('comes back as a truncation when another tool rolls bronze back, and is not accepted while a snapshot holds the rest', async () => {
    const { lake } = await truncatedLake();
    const bronze = (await lake.table('bronze.events'))!;
    const before = (await bronze.state()).currentSnapshot!.id;
    await accept(lake);
    await consume(lake);
    const newest = (await bronze.state()).currentSnapshot!.id;
    await bronze.rollback(before);
    await expect(consume(lake)).rejects.toMatchObject({ code: 'KS_LOG_TRUNCATED' });
    await expect(accept(lake)).rejects.toMatchObject({
      code: 'KS_TABLE_CORRUPT',
      message: expect.stringContaining('is not lost'),
      hint: expect.stringContaining(`--to ${newest}`),
    });
    await rollbackTables(lake, { table: 'bronze.events', to: String(newest), dryRun: false, confirmed: true, signal: never });
    expect(await account(lake)).toMatchObject({ closed: true, totals: { bronze: 10, lostAtMost: 4 } });
  });
});

describe('a rollback that stands behind a snapshot', () => {
  it('keeps every loss from being accepted while that snapshot holds what the log has lost, so that it can come back', async () => {
    const { lake, dir } = await testLake({ partitions: 4 });
    const { topic } = lake.config.profile.log;
    await events(lake, 0, 1, 0);
    await consume(lake);
    await events(lake, 0, 1, 2);
    await consume(lake);
    const newest = (await (await lake.table('bronze.events'))!.state()).currentSnapshot!.id;
    for (const partition of [2, 3]) await events(lake, 1, 8, partition);
    const rollback = (to: string, dryRun = false) =>
      rollbackTables(lake, { table: 'bronze.events', to, dryRun, confirmed: true, signal: never });
    expect(await rollback('previous')).toMatchObject({ eventsAgain: 1, eventsRestored: 0 });
    for (const partition of [2, 3]) expireEvents(dir, topic, partition, 6);
    const before = await snapshots(lake);
    for (const partitions of [[2], [3], []]) {
      for (const dryRun of [true, false])
        await expect(accept(lake, { partitions, dryRun })).rejects.toMatchObject({
          code: 'KS_TABLE_CORRUPT',
          message: expect.stringContaining(`${topic} partition 2 up to 1`),
          hint: expect.stringContaining(`--to ${newest}`),
        });
    }
    expect(await snapshots(lake)).toBe(before);
    expect((await verifyLedger(lake, { deep: false })).breaks.map(({ kind, hint }) => [kind, hint])).toEqual([
      ['expired-unread', expect.stringContaining(`table rollback bronze.events --to ${newest}`)],
      ['expired-unread', expect.stringContaining(`table rollback bronze.events --to ${newest}`)],
    ]);
    expect(await rollback(String(newest), true)).toMatchObject({
      eventsAgain: 0,
      eventsRestored: 1,
      offsets: [{ partition: 2, from: 0, to: 1 }],
    });
    await rollback(String(newest));
    expect(await accept(lake)).toMatchObject({
      lost: [
        { partition: 2, lakeOffset: 1, logStart: 6 },
        { partition: 3, lakeOffset: 0, logStart: 6 },
      ],
    });
    await consume(lake);
    expect(await account(lake)).toMatchObject({ closed: true, totals: { bronze: 5, lostAtMost: 11 } });
  });
});

describe('a builder beside it', () => {
  it('that is alive keeps the partitions; one that was killed is waited for', async () => {
    const { lake, dir } = await truncatedLake();
    const { lake: other } = await testLake({ dir, processName: 'other' });
    const { clock } = other.effects;
    const lease = await keepLease(await other.state(), clock, leaseName(lake.config.profile.log.topic), 'other', 1000);
    onTestFinished(() => lease!.release());
    const before = await snapshots(lake);
    await expect(accept(lake)).rejects.toMatchObject({ code: 'KS_LEASE_HELD', message: expect.stringContaining('other') });
    expect(await snapshots(lake)).toBe(before);
    await lease!.release();
    await (await other.state()).acquireLease(leaseName(lake.config.profile.log.topic), 'killed', 300);
    expect(await accept(lake)).toMatchObject({ eventsAtMost: 4, accepted: { by: 'ada@night' } });
  });

  it('of a group is waited for while it lands these partitions of this lake', async () => {
    const { lake } = await truncatedLake();
    const bronze = (await lake.table('bronze.events'))!;
    const lake_ = (await bronze.metadata()).metadata['table-uuid'];
    const member = (partitions: readonly number[], own = lake_): GroupMember => ({
      name: 'm',
      lake: own,
      memberId: 'm-1',
      host: '/127.0.0.1',
      partitions,
    });
    let asked = 0;
    const grouped = (members: () => readonly GroupMember[]): Lakehouse => ({
      ...lake,
      log: async () => ({ ...(await lake.log()), groupMembers: async () => members() }),
    });
    await expect(accept(grouped(() => [member([0, 2])]))).rejects.toMatchObject({
      code: 'KS_LEASE_HELD',
      message: expect.stringContaining('m on /127.0.0.1 lands partitions 0, 2'),
    });
    const others = [member([1, 2]), member([0], 'another lake')];
    const leaving = grouped(() => (asked++ < 2 ? [member([0]), ...others] : others));
    expect(await accept(leaving)).toMatchObject({ accepted: { by: 'ada@night' } });
    expect(asked).toBe(3);
  });

  it('that accepts the same at the same time gives it up once', async () => {
    const { lake, dir } = await truncatedLake();
    const { lake: other } = await testLake({ dir, processName: 'other' });
    const ends = await Promise.all(
      [lake, other].map((one, n) =>
        accept({ ...one, log: async () => ({ ...(await one.log()), groupMembers: async () => [] }) }, { reason: `by ${n}` }),
      ),
    );
    expect(ends.filter(({ accepted }) => accepted !== null)).toHaveLength(1);
    await consume(lake);
    const { closed, losses } = await account(lake);
    expect([closed, losses.length]).toEqual([true, 1]);
  });

  it.each(['before', 'after'] as const)('is not hindered by one that died %s the commit', async (fate) => {
    const { lake } = await truncatedLake();
    await expect(accept(dyingLake(lake, () => fate))).rejects.toThrow('died');
    const again = await accept(lake);
    expect(again.accepted === null).toBe(fate === 'after');
    await consume(lake);
    expect(await account(lake)).toMatchObject({ closed: true, losses: [{ from: 3, toExclusive: 7 }] });
  });
});
