import { mkdir, rename, rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { watchLag, type LagSample } from '../../../src/core/lag/watch-lag.js';
import { lakehouseAt, offsetsAt, recordFor, TOPIC } from '../../support/lakehouse-at-offsets.js';

type Watched = Awaited<ReturnType<typeof lakehouseAt>>;

/** Takes `count` samples, ten seconds apart by the fake clock; `between` happens before the second and each later one. */
async function samples(
  lakehouse: Watched,
  count: number,
  between: (next: number) => Promise<void>,
  open: () => Lakehouse = () => ({ ...lakehouse, close: async () => undefined }),
): Promise<LagSample[]> {
  const taken: LagSample[] = [];
  const clock = {
    nowMs: () => lakehouse.effects.clock.nowMs(),
    sleep: async (ms: number) => {
      lakehouse.advance(ms);
      await between(taken.length + 1);
    },
  };
  const watched = (): Lakehouse => {
    const opened = open();
    return { ...opened, effects: { ...opened.effects, clock } };
  };
  const options = { intervalMs: 10_000, windowMs: 30_000, count, signal: new AbortController().signal };
  for await (const sample of watchLag(watched, options)) taken.push(sample);
  return taken;
}

const append = async (lakehouse: Lakehouse, partition: number, events: number): Promise<void> => {
  const log = await lakehouse.log();
  await log.append(
    TOPIC,
    Array.from({ length: events }, () => recordFor(partition)),
  );
};

describe('watchLag', () => {
  it('gives what lag show gives, and from the second sample on rates and a drain estimate', async () => {
    const offsets = { 'bronze.events': offsetsAt(0, 2) };
    const lakehouse = await lakehouseAt(offsets);
    await (await lakehouse.log()).ensureTopic(TOPIC, 2);
    await append(lakehouse, 0, 100);
    await append(lakehouse, 1, 2);
    const [first, second, third] = await samples(lakehouse, 3, async (next) => {
      await append(lakehouse, 0, next === 2 ? 20 : 0);
      offsets['bronze.events'] = offsetsAt(next === 2 ? 40 : 80, 2);
    });
    expect(first).toMatchObject({ sample: 1, stale: false, error: null, topic: TOPIC, incidents: [] });
    expect(first?.partitions[0]).toMatchObject({ lagEvents: 100, inPerSecond: null, drain: { kind: 'unknown' } });
    expect(second?.partitions[0]).toMatchObject({
      endOffset: 120,
      lakeOffset: 40,
      lagEvents: 80,
      inPerSecond: 2,
      outPerSecond: 4,
      drain: { kind: 'draining', seconds: 40 },
    });
    expect(third?.partitions[0]).toMatchObject({ inPerSecond: 1, outPerSecond: 4, drain: { kind: 'draining', seconds: 13.333 } });
    expect(third?.partitions[1]).toMatchObject({ lagEvents: 0, drain: { kind: 'caught_up' } });
    expect(third?.total).toMatchObject({ lagEvents: 40, inPerSecond: 1, outPerSecond: 4, drain: { kind: 'draining' } });
    expect(Date.parse(second?.at ?? '') - Date.parse(first?.at ?? '')).toBe(10_000);
  });

  it('says stalled once nothing was landed for longer than a consumer takes', async () => {
    const lakehouse = await lakehouseAt({ 'bronze.events': offsetsAt(0, 0) });
    await (await lakehouse.log()).ensureTopic(TOPIC, 2);
    await append(lakehouse, 0, 5);
    const taken = await samples(lakehouse, 3, async () => undefined);
    expect(taken.map(({ total }) => total.drain.kind)).toEqual(['unknown', 'unknown', 'stalled']);
  });

  it('shows offsets that fell as an incident, and begins its rates anew', async () => {
    const offsets = { 'bronze.events': offsetsAt(5, 0) };
    const lakehouse = await lakehouseAt(offsets);
    await (await lakehouse.log()).ensureTopic(TOPIC, 2);
    await append(lakehouse, 0, 5);
    const [, second, third] = await samples(lakehouse, 3, async () => {
      offsets['bronze.events'] = offsetsAt(3, 0);
    });
    expect(second?.incidents).toEqual([{ kind: 'lake_fell', partition: 0, message: expect.stringContaining('from 5 to 3') }]);
    expect(second?.partitions[0]?.outPerSecond).toBeNull();
    expect(third?.incidents).toEqual([]);
  });

  it('goes on with the last numbers, marked stale, while the log is away, and makes no empty log in its place', async () => {
    const lakehouse = await lakehouseAt({ 'bronze.events': offsetsAt(1, 0) });
    await (await lakehouse.log()).ensureTopic(TOPIC, 2);
    await append(lakehouse, 0, 4);
    const { path } = lakehouse.config.profile.log;
    const [first, second, third] = await samples(lakehouse, 3, async (next) => {
      await (next === 2 ? rename(path, `${path}.away`) : rename(`${path}.away`, path));
    });
    expect(second).toMatchObject({
      stale: true,
      error: { code: 'KS_NOT_FOUND', message: expect.stringContaining(path), hint: expect.any(String) },
      partitions: first?.partitions,
      measuredAt: first?.measuredAt,
    });
    expect(second?.at).not.toBe(first?.at);
    expect(third).toMatchObject({ stale: false, error: null, total: { lagEvents: 3 } });
  });

  it('keeps the last numbers while the lake is away, instead of counting everything as lag', async () => {
    const lakehouse = await lakehouseAt({ 'bronze.events': offsetsAt(3, 0) });
    await (await lakehouse.log()).ensureTopic(TOPIC, 2);
    await append(lakehouse, 0, 4);
    const { path } = lakehouse.config.profile.store;
    await mkdir(path);
    const [, away, back] = await samples(lakehouse, 3, async (next) => {
      await (next === 2 ? rename(path, `${path}.away`) : rename(`${path}.away`, path));
    });
    expect(away).toMatchObject({ stale: true, error: { code: 'KS_STORE' }, total: { lagEvents: 1 } });
    expect(back).toMatchObject({ stale: false, total: { lagEvents: 1 } });
  });

  it('opens the lakehouse anew when another log lies in the place of the one it knew', async () => {
    const lakehouse = await lakehouseAt({ 'bronze.events': offsetsAt(0, 0) });
    await (await lakehouse.log()).ensureTopic(TOPIC, 2);
    const { path } = lakehouse.config.profile.log;
    let opened = 0;
    await samples(
      lakehouse,
      2,
      async () => {
        await rename(path, `${path}.old`);
        const { copyFile } = await import('node:fs/promises');
        await copyFile(`${path}.old`, path);
      },
      () => {
        opened += 1;
        return { ...lakehouse, close: async () => undefined };
      },
    );
    expect(opened).toBe(2);
  });

  it('throws what the first sample throws: a topic or a log that is not there', async () => {
    const lakehouse = await lakehouseAt({});
    await expect(samples(lakehouse, 1, async () => undefined)).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    await (await lakehouse.log()).ensureTopic('another', 1);
    await expect(samples(lakehouse, 1, async () => undefined)).rejects.toMatchObject({ message: expect.stringContaining(TOPIC) });
    await rm(lakehouse.config.profile.log.path);
    await expect(samples(lakehouse, 1, async () => undefined)).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
  });

  it('ends without a throw when it is stopped', async () => {
    const lakehouse = await lakehouseAt({});
    await (await lakehouse.log()).ensureTopic(TOPIC, 2);
    const stop = new AbortController();
    const taken: LagSample[] = [];
    const watch = watchLag(() => ({ ...lakehouse, close: async () => undefined }), {
      intervalMs: 1000,
      windowMs: 30_000,
      signal: stop.signal,
    });
    for await (const sample of watch) {
      taken.push(sample);
      stop.abort();
    }
    expect(taken).toHaveLength(1);
  });
});
