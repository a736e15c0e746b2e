/** Clocks that jump by hours and years, backwards and forwards, between runs and in the middle of them. */
import { cp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.js';
import { loadConfig } from '../../src/core/config/load-config.js';
import { runConsumer } from '../../src/core/consume/run-consumer.js';
import { isKeystoneError } from '../../src/core/errors.js';
import { uuidV7Source } from '../../src/core/event/uuid-v7.js';
import { runGold } from '../../src/core/gold/run-gold.js';
import { measureLag } from '../../src/core/lag/measure-lag.js';
import { openLakehouse, type Lakehouse } from '../../src/core/lakehouse.js';
import { verifyLedger } from '../../src/core/ledger/verify.js';
import { openEmbeddedLog } from '../../src/core/log/embedded-log.js';
import { openSqliteState } from '../../src/core/state/sqlite-state.js';
import { systemEffects } from '../support/effects.js';
import { mixedEvents, seededRandom } from '../support/mixed-events.js';
import { tempDir } from '../support/temp-dir.js';
import { violentProject } from '../support/violent-project.js';
import { bounded } from './hostile-input.js';

const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;
const TOPIC = 'olist-enterprise-events';

interface JumpingClock extends Clock {
  jump(ms: number): void;
}

/** Goes with the system's clock, but for its jumps; of every call, a share of `restless` jumps by itself. */
function jumpingClock(seed: number, restless = 0): JumpingClock {
  const random = seededRandom(seed);
  const { clock } = systemEffects();
  let offset = 0;
  return {
    nowMs: () => {
      // At most to the year 2100 and back to 1990: what a broken battery or a mistyped date makes of a clock.
      if (random() < restless) offset = Math.floor((random() - 0.35) * 70 * YEAR * random() ** 4);
      return clock.nowMs() + offset;
    },
    sleep: (ms, signal) => clock.sleep(Math.min(ms, 20), signal),
    jump: (ms) => void (offset += ms),
  };
}

async function withLake<T>(dir: string, clock: Clock, work: (lake: Lakehouse) => Promise<T>): Promise<T> {
  const lake = openLakehouse(await loadConfig({ cwd: dir, env: {} }), { ...systemEffects(), clock });
  try {
    return await work(lake);
  } finally {
    await lake.close();
  }
}

/** Runs the consumer until it has caught up; a lease that ran out is no fault when a clock jumps. Gives what it ended with. */
async function catchUp(dir: string, clock: Clock): Promise<readonly string[]> {
  const ends: string[] = [];
  for (let tries = 0; tries < 20; tries++) {
    const signal = AbortSignal.timeout(20_000);
    try {
      const { caughtUp } = await withLake(dir, clock, (lake) => runConsumer(lake, { untilCaughtUp: true, signal }));
      ends.push(caughtUp ? 'caught up' : 'not caught up');
      if (caughtUp) return ends;
    } catch (error) {
      if (!isKeystoneError(error)) throw error;
      expect(['KS_LEASE_LOST', 'KS_INTERRUPTED'], `${error.code} ${error.message}`).toContain(error.code);
      ends.push(error.code);
    }
  }
  throw new Error(`never caught up: ${ends.join(', ')}`);
}

async function expectWhole(dir: string, events: number): Promise<void> {
  await withLake(dir, systemEffects().clock, async (lake) => {
    const account = await verifyLedger(lake, { deep: true });
    expect(account).toMatchObject({ closed: true, breaks: [], totals: { bronze: events, pending: 0, unprocessed: 0 } });
    for (const name of await lake.tableNames()) {
      const snapshots = (await (await lake.table(name))?.state())?.snapshots ?? [];
      const times = snapshots.map(({ timestampMs }) => timestampMs);
      expect({ name, times }).toEqual({ name, times: times.toSorted((a, b) => a - b) });
      expect(new Set(times).size).toBe(times.length);
    }
  });
}

const append = async (dir: string, clock: Clock, count: number, seed: number): Promise<void> => {
  const log = await openEmbeddedLog({ path: path.join(dir, '.keystone', 'log.db'), clock });
  const records = mixedEvents(count, { seed, partitions: await log.ensureTopic(TOPIC, 3), prefix: `${seed}-` });
  for (let at = 0; at < records.length; at += 10) await log.append(TOPIC, records.slice(at, at + 10));
  await log.close();
};

describe('a clock that jumps', { timeout: 120_000 }, () => {
  it.each([
    ['an hour ahead', HOUR],
    ['an hour back', -HOUR],
    ['thirty years ahead', 30 * YEAR],
    ['thirty years back', -30 * YEAR],
  ])('%s between two runs loses and doubles nothing', async (_, jump) => {
    const dir = await violentProject({ events: 30, seed: 5 }, 40);
    const clock = jumpingClock(1);
    await catchUp(dir, clock);
    clock.jump(jump);
    await append(dir, clock, 30, 6);
    const lag = await withLake(dir, clock, (lake) => measureLag(lake));
    expect(lag.total.lagSeconds).toBeGreaterThanOrEqual(0);
    expect(await catchUp(dir, clock)).toEqual(['caught up']);
    clock.jump(-jump);
    await append(dir, clock, 15, 7);
    expect((await withLake(dir, clock, (lake) => measureLag(lake))).partitions.every(({ lagSeconds }) => lagSeconds >= 0)).toBe(
      true,
    );
    expect(await catchUp(dir, clock)).toEqual(['caught up']);
    await expectWhole(dir, 75);
  });

  it('again and again in the middle of runs loses and doubles nothing', async () => {
    const dir = await violentProject({ events: 0, seed: 5 }, 30);
    await cp(path.resolve('templates/models'), path.join(dir, 'models'), { recursive: true });
    const clock = jumpingClock(11, 0.02);
    for (const seed of [1, 2, 3]) {
      await append(dir, clock, 40, seed);
      await catchUp(dir, clock);
      await withLake(dir, clock, (lake) => runGold(lake)).catch((error: unknown) => {
        if (!isKeystoneError(error) || error.exitCode !== 6) throw error;
      });
    }
    await expectWhole(dir, 120);
    await withLake(dir, systemEffects().clock, async (lake) => {
      const log = await lake.log();
      for (const { partition, startOffset, endOffset } of await log.bounds(TOPIC)) {
        const { records } = await log.read(TOPIC, partition, startOffset, { maxRecords: 1_000, maxBytes: 10_000_000 });
        expect(records.length).toBe(endOffset - startOffset);
        const times = records.map(({ timestampUs }) => timestampUs);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
      }
    });
  });

  it('leaves no lease behind that outlives its holder by years', async () => {
    const clock = jumpingClock(1);
    const file = path.join(await tempDir(), 'state.db');
    const state = await openSqliteState({ path: file, clock });
    clock.jump(30 * YEAR);
    const dead = await state.acquireLease('consume/t', 'dead', 15_000);
    clock.jump(-30 * YEAR);
    const next = await state.acquireLease('consume/t', 'alive', 15_000);
    expect(next).toMatchObject({ holder: 'alive', fencingToken: (dead?.fencingToken ?? 0) + 1 });
    // Whoever lives renews under its own clock, and is left alone.
    expect(await state.acquireLease('consume/t', 'other', 15_000)).toBeNull();
    expect(dead && (await state.renewLease(dead, 15_000))).toBeNull();
    await state.close();
  });

  it('and a state file that was lost while it stood behind does not shut the builder out', async () => {
    const dir = await violentProject({ events: 30, seed: 5 }, 40);
    const clock = jumpingClock(1);
    await catchUp(dir, clock);
    const home = path.join(dir, '.keystone');
    for (const name of await readdir(home)) if (name.startsWith('state.db')) await rm(path.join(home, name));
    clock.jump(-30 * YEAR);
    await append(dir, clock, 30, 6);
    expect(await catchUp(dir, clock)).toEqual(['caught up']);
    await expectWhole(dir, 60);
  });

  it('gives ids of events that never fall', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -30 * YEAR, max: 30 * YEAR }), { minLength: 1, maxLength: 50 }), (jumps) => {
        const clock = jumpingClock(1);
        const next = uuidV7Source(clock, systemEffects().randomBytes);
        let last = '';
        for (const jump of jumps) {
          clock.jump(jump);
          const id = next();
          expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
          expect(id.slice(0, 13) >= last.slice(0, 13), `${last} then ${id}`).toBe(true);
          last = id;
        }
      }),
      bounded(200, 3_000),
    );
  });
});
