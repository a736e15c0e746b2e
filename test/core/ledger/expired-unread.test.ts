/** What expired in the log before it was landed, in the account: a break until it is given up, and none beside a consumer that lands it. */
import { describe, expect, it } from 'vitest';
import { acceptLoss } from '../../../src/core/consume/accept-loss.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import type { PartitionBounds } from '../../../src/core/log/event-log.js';
import { leaseName } from '../../../src/core/state/lease-name.js';
import { expireEvents, moveEvents } from '../../support/expire-events.js';
import { testLake } from '../../support/test-lake.js';
import { consume, order, put } from '../silver/consume-support.js';

const accepted = { partitions: [], reason: 'INC-7', by: 'ada@night', dryRun: false, confirmed: true } as const;
const accept = (lake: Lakehouse) => acceptLoss(lake, { ...accepted, signal: new AbortController().signal });

/** One append for each event, so that each can expire by itself. */
async function events(lake: Lakehouse, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) await put(lake, [{ id: `e-${n}`, payload: order(`e-${n}`) }]);
}

/** 3 events are landed, 10 are in the log. */
async function lakeBehind(): Promise<{ readonly lake: Lakehouse; readonly expire: (before: number) => void }> {
  const { lake, dir } = await testLake({ consume: { leaseTtl: '1s' } });
  await events(lake, 0, 3);
  await consume(lake);
  await events(lake, 3, 10);
  return { lake, expire: (before) => expireEvents(dir, lake.config.profile.log.topic, 0, before) };
}

/** The lake with another view of the log's bounds. */
const withBounds = (
  lake: Lakehouse,
  change: (bounds: readonly PartitionBounds[]) => Promise<readonly PartitionBounds[]>,
): Lakehouse => ({
  ...lake,
  log: async () => {
    const log = await lake.log();
    return { ...log, bounds: async (topic: string) => change(await log.bounds(topic)) };
  },
});
const begunAt = (startOffset: number) => async (bounds: readonly PartitionBounds[]) =>
  bounds.map((one) => (one.partition === 0 ? { ...one, startOffset } : one));

describe('events that expired unread', () => {
  it('break the account with their offsets until they are given up', async () => {
    const { lake, expire } = await lakeBehind();
    expire(7);
    const { topic } = lake.config.profile.log;
    for (const deep of [false, true]) {
      const account = await verifyLedger(lake, { deep });
      expect(account).toMatchObject({
        closed: false,
        totals: { bronze: 3, pending: 3, lostAtMost: 0, expiredUnreadAtMost: 4 },
        expiredUnread: [{ topic, partition: 0, from: 3, toExclusive: 7, eventsAtMost: 4 }],
        losses: [],
      });
      expect(account.breaks).toEqual([
        {
          kind: 'expired-unread',
          table: 'bronze.events',
          detail: `${topic} partition 0 begins at 7, but bronze ends at 3: at most 4 events (offsets 3 to 6) expired unread`,
          count: 4,
          offsets: [],
          hint: expect.stringMatching(/retention.*keystone consume accept-loss --dry-run$/),
        },
      ]);
    }
    await accept(lake);
    expect(await verifyLedger(lake, { deep: true })).toMatchObject({
      closed: true,
      expiredUnread: [],
      losses: [{ from: 3, toExclusive: 7, reason: 'INC-7' }],
      totals: { pending: 3, lostAtMost: 4, expiredUnreadAtMost: 0 },
    });
  });

  it('before a lake began on their topic say how it begins', async () => {
    const { lake, dir } = await testLake();
    await events(lake, 0, 2);
    moveEvents(dir, lake.config.profile.log.topic, 0, 40);
    const account = await verifyLedger(lake, { deep: false });
    expect(account).toMatchObject({ closed: false, totals: { pending: 2, expiredUnreadAtMost: 40 } });
    expect(account.breaks).toMatchObject([
      {
        kind: 'expired-unread',
        detail: expect.stringContaining('begins at 40, and nothing of the topic was landed: at most 40 events'),
        hint: 'a lake on an old topic begins with: keystone consume accept-loss --dry-run',
      },
    ]);
    await accept(lake);
    expect(await verifyLedger(lake, { deep: false })).toMatchObject({ closed: true, breaks: [] });
  });

  it('are none where a consumer landed them between the looks at bronze and at the log', async () => {
    const { lake, expire } = await lakeBehind();
    const log = await lake.log();
    const moving = withBounds(lake, async () => {
      await consume(lake);
      expire(7);
      return log.bounds(lake.config.profile.log.topic);
    });
    expect(await verifyLedger(moving, { deep: true })).toMatchObject({ closed: true, breaks: [], expiredUnread: [] });
  });

  it('are none where a consumer that lives lands what it holds of them', async () => {
    const { lake } = await lakeBehind();
    const state = await lake.state();
    const name = leaseName(lake.config.profile.log.topic);
    const lease = { name, holder: 'host/9', fencingToken: 1, expiresAtMs: lake.effects.clock.nowMs() + 3_600_000 };
    let asked = 0;
    const readLease = async () => {
      // What it holds is landed after the first look at bronze.
      if (++asked === 2) await consume(lake);
      return lease;
    };
    const beside = { ...withBounds(lake, begunAt(7)), state: async () => ({ ...state, readLease }) };
    expect(await verifyLedger(beside, { deep: false })).toMatchObject({ closed: true, expiredUnread: [] });
    expect(asked).toBe(2);
  });

  it('are told of beside a consumer that lives and lands none of them, with its name', async () => {
    const { lake, expire } = await lakeBehind();
    expire(7);
    await (await lake.state()).acquireLease(leaseName(lake.config.profile.log.topic), 'host/9', 3_600_000);
    const { clock } = lake.effects;
    let slept = 0;
    const quick = {
      nowMs: () => clock.nowMs() + slept,
      sleep: async (ms: number) => {
        slept += ms;
      },
    };
    const account = await verifyLedger({ ...lake, effects: { ...lake.effects, clock: { ...clock, ...quick } } }, { deep: false });
    expect(account.breaks).toMatchObject([
      { kind: 'expired-unread', detail: expect.stringContaining('unless host/9, which lives') },
    ]);
    expect(slept).toBeGreaterThanOrEqual(10_000);
  });
});
