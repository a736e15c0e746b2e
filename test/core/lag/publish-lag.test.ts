import { describe, expect, it } from 'vitest';
import { KeystoneError } from '../../../src/core/errors.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { lagPoints } from '../../../src/core/lag/lag-points.js';
import { measureGroupLag, type GroupLag } from '../../../src/core/lag/measure-group-lag.js';
import { publishLag, type LagPublication, type PublishOptions } from '../../../src/core/lag/publish-lag.js';
import { lakehouseAt, offsetsAt, recordFor, START_MS, TOPIC } from '../../support/lakehouse-at-offsets.js';

type Watched = Awaited<ReturnType<typeof lakehouseAt>>;

const append = async (lakehouse: Lakehouse, partition: number, events: number): Promise<void> => {
  const log = await lakehouse.log();
  await log.append(
    TOPIC,
    Array.from({ length: events }, () => recordFor(partition)),
  );
};

async function behind(...offsets: number[]): Promise<Watched> {
  const lakehouse = await lakehouseAt({ 'bronze.events': offsetsAt(...offsets) });
  await (await lakehouse.log()).ensureTopic(TOPIC, 2);
  await append(lakehouse, 0, 10);
  await append(lakehouse, 1, 5);
  return lakehouse;
}

/** Runs until `count` were told, by a clock that each sleep moves on, and a little further. */
async function told(
  lakehouse: Watched,
  count: number,
  options: Partial<PublishOptions> & Pick<PublishOptions, 'publish'>,
): Promise<LagPublication[]> {
  const stop = new AbortController();
  const clock = {
    nowMs: () => lakehouse.effects.clock.nowMs(),
    sleep: async (ms: number, signal?: AbortSignal) => {
      // The bound on a slow log: answered long before.
      if (ms === 20_000) await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      else lakehouse.advance(Math.max(1, ms) + 3);
    },
  };
  const open = (): Lakehouse => ({ ...lakehouse, effects: { ...lakehouse.effects, clock }, close: async () => undefined });
  const all: LagPublication[] = [];
  for await (const one of publishLag(open, { everyMs: 60_000, once: false, signal: stop.signal, ...options })) {
    all.push(one);
    if (all.length === count) stop.abort();
  }
  return all;
}

describe('measureGroupLag', () => {
  it('takes the lake for the own group where its hint is behind, and only the hint for another', async () => {
    const lakehouse = await behind(4, 5);
    const log = await lakehouse.log();
    const { group } = lakehouse.config.consume;
    await log.commitOffsets(group, TOPIC, new Map([[0, 2]]));
    await log.commitOffsets('other', TOPIC, new Map([[0, 9]]));
    lakehouse.advance(7500);
    const own = await measureGroupLag(lakehouse);
    expect(own).toMatchObject({ group, total: { consumerLag: 6, lakeLag: 6, timeLagSeconds: 7.5 } });
    const other = await measureGroupLag(lakehouse, { group: 'other' });
    expect(other.partitions).toEqual([
      { partition: 0, consumerLag: 1, timeLagSeconds: 7.5, lakeLag: 6 },
      { partition: 1, consumerLag: 5, timeLagSeconds: 7.5, lakeLag: 0 },
    ]);
  });

  it('takes no lag of 0 for a topic that was made anew', async () => {
    const lakehouse = await behind(400, 5);
    expect(await measureGroupLag(lakehouse)).toMatchObject({
      partitions: [{ consumerLag: 10, lakeLag: 10 }, { consumerLag: 0 }],
      incidents: [{ kind: 'recreated', partition: 0 }],
    });
  });
});

describe('publishLag', () => {
  it('publishes at once, then on the marks of the wall clock without drift', async () => {
    const lakehouse = await behind(0, 0);
    const sent: GroupLag[] = [];
    const all = await told(lakehouse, 5, { publish: async (lag) => sent.push(lag) });
    expect(all.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => 'published'));
    expect(sent[0]?.atMs).toBe(START_MS);
    const firstMark = Math.ceil(START_MS / 60_000) * 60_000;
    // Each sleep takes 3 ms too long; the marks do not move by it.
    expect(sent.slice(1).map(({ atMs }) => atMs - firstMark)).toEqual([3, 60_003, 120_003, 180_003]);
    expect(all.every((one) => one.kind === 'published' && one.gap === null)).toBe(true);
  });

  it('says a gap once, tells how many marks it took, and goes on with the value of the moment', async () => {
    const lakehouse = await behind(0, 0);
    let calls = 0;
    const sent: GroupLag[] = [];
    const all = await told(lakehouse, 4, {
      publish: async (lag) => {
        calls++;
        if (calls > 1 && lag.atMs < START_MS + 250_000) throw new KeystoneError('KS_METRICS', 'away', { hint: 'wait' });
        if (calls > 2) await append(lakehouse, 0, 1);
        sent.push(lag);
        return 1;
      },
    });
    expect(all.map(({ kind }) => kind)).toEqual(['published', 'waiting', 'published', 'published']);
    expect(all[1]).toMatchObject({ kind: 'waiting', error: { code: 'KS_METRICS', message: 'away', hint: 'wait' } });
    const back = all[2];
    expect(back).toMatchObject({ kind: 'published', gap: { missed: 3 } });
    expect(sent).toHaveLength(3);
    // Back on the marks.
    expect((sent[2]?.atMs ?? 0) % 60_000).toBeLessThan(10);
    expect(all[3]).toMatchObject({ gap: null });
  });

  it('forgets what was told when the log cannot be measured, and not when only the sending fails', async () => {
    const lakehouse = await behind(0, 0);
    let forgotten = 0;
    const log = lakehouse.log;
    let isAway = false;
    const failing = { ...lakehouse, log: async () => (isAway ? Promise.reject(new KeystoneError('KS_LOG', 'away')) : log()) };
    const all = await told(failing, 2, {
      publish: async () => {
        isAway = true;
        return 1;
      },
      onGap: () => void forgotten++,
    });
    expect(all.map(({ kind }) => kind)).toEqual(['published', 'waiting']);
    expect(forgotten).toBe(1);
  });

  it('throws at the start what waiting does not cure, and with once whatever fails', async () => {
    const lakehouse = await behind(0, 0);
    const refuse = (code: 'KS_CREDENTIALS' | 'KS_METRICS') => async () => {
      throw new KeystoneError(code, 'no');
    };
    await expect(told(lakehouse, 1, { publish: refuse('KS_CREDENTIALS') })).rejects.toMatchObject({ code: 'KS_CREDENTIALS' });
    await expect(told(lakehouse, 1, { once: true, publish: refuse('KS_METRICS') })).rejects.toMatchObject({ code: 'KS_METRICS' });
    const waiting = await told(lakehouse, 1, { publish: refuse('KS_METRICS') });
    expect(waiting).toMatchObject([{ kind: 'waiting' }]);
    await expect(told(lakehouse, 1, { topic: 'none', publish: async () => 0 })).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
  });
});

describe('lagPoints', () => {
  it('names each partition and the whole by the dimensions that an alarm asks for', async () => {
    const points = lagPoints(await measureGroupLag(await behind(4, 5)));
    expect(points).toHaveLength(9);
    const named = (name: string): readonly object[] => points.filter((point) => point.name === name);
    expect(named('ConsumerLag')).toMatchObject([
      { value: 6, unit: 'Count', dimensions: { ConsumerGroup: 'lakehouse-enterprise-writers', Topic: TOPIC } },
      { value: 6, dimensions: { ConsumerGroup: 'lakehouse-enterprise-writers', Topic: TOPIC, Partition: '0' } },
      { value: 0, dimensions: { Partition: '1' } },
    ]);
    expect(named('LakeLag')[0]).toMatchObject({ value: 6, dimensions: { Topic: TOPIC } });
    expect(Object.keys((named('LakeLag')[0] as { dimensions: object }).dimensions)).toEqual(['Topic']);
    expect(named('TimeLagSeconds')[0]).toMatchObject({ unit: 'Seconds' });
  });
});
