/** A consumer outlives services that go away under it, at its start and in its middle; what does not heal ends it at once. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { runConsumer, type ConsumeTotals } from '../../../src/core/consume/run-consumer.js';
import { KeystoneError } from '../../../src/core/errors.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import { mixedEvents } from '../../support/mixed-events.js';
import { testLake } from '../../support/test-lake.js';
import { rows } from '../silver/consume-support.js';

type Part = 'log' | 'table' | 'commit' | 'state';

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const lockedBy = (code: string): KeystoneError =>
  new KeystoneError('KS_STATE', 'Another process keeps the state file locked', {
    cause: Object.assign(new Error('database is locked'), { code }),
  });
const locked = lockedBy('SQLITE_BUSY');
const away = (code: 'KS_LOG' | 'KS_STORE' | 'KS_CATALOG' | 'KS_STATE' | 'KS_CREDENTIALS', what: string): KeystoneError =>
  new KeystoneError(code, `${what} does not answer`, { cause: refused });

/** Calls of the parts fail as `failing` says, asked with the how-manyeth call of the part; waits are a hundredth of what they would be. */
function shakyLake(lake: Lakehouse, failing: (part: Part, nth: number) => Error | null): Lakehouse {
  const calls = new Map<Part, number>();
  const meet = (part: Part): void => {
    const nth = (calls.get(part) ?? 0) + 1;
    calls.set(part, nth);
    const failure = failing(part, nth);
    if (failure) throw failure;
  };
  const { clock } = lake.effects;
  return {
    ...lake,
    effects: { ...lake.effects, clock: { ...clock, sleep: (ms, signal) => clock.sleep(ms / 100, signal) } },
    log: async () => {
      const log = await lake.log();
      return { ...log, bounds: async (topic) => (meet('log'), log.bounds(topic)) };
    },
    state: async () => {
      const state = await lake.state();
      return { ...state, acquireLease: async (...args) => (meet('state'), state.acquireLease(...args)) };
    },
    ensureTable: async (definition) => {
      meet('table');
      const table = await lake.ensureTable(definition);
      return { ...table, commit: async (request) => (meet('commit'), table.commit(request)) };
    },
  };
}

async function filledLake(): Promise<Lakehouse> {
  const { lake } = await testLake({ consume: { flushRows: 30 }, partitions: 2 });
  const { topic, partitions } = lake.config.profile.log;
  const log = await lake.log();
  await log.ensureTopic(topic, partitions);
  await log.append(topic, mixedEvents(60, { seed: 5, partitions }));
  return lake;
}

const consume = (lake: Lakehouse, notices: string[] = []): Promise<ConsumeTotals> =>
  runConsumer(lake, { untilCaughtUp: true, signal: new AbortController().signal, onNotice: (text) => notices.push(text) });

async function expectWhole(lake: Lakehouse): Promise<void> {
  expect(await verifyLedger(lake, { deep: true })).toMatchObject({ closed: true, totals: { bronze: 60, pending: 0 } });
  expect(
    await rows(lake, 'SELECT count(*)::INT AS n, count(DISTINCT (kafka_partition, kafka_offset))::INT AS d FROM bronze.events'),
  ).toEqual([{ n: 60, d: 60 }]);
}

describe('a consumer that meets an outage', () => {
  test.each<readonly [string, (part: Part, nth: number) => Error | null]>([
    ['the log at its start', (part, nth) => (part === 'log' && nth <= 3 ? away('KS_LOG', 'the log') : null)],
    ['the tables at its start', (part, nth) => (part === 'table' && nth <= 4 ? away('KS_STORE', 'the store') : null)],
    ['the state at its start', (part, nth) => (part === 'state' && nth <= 2 ? away('KS_STATE', 'the state') : null)],
    ['the log in its middle', (part, nth) => (part === 'log' && nth > 2 && nth < 6 ? away('KS_LOG', 'the log') : null)],
    [
      'the store at every fourth commit',
      (part, nth) => (part === 'commit' && nth % 4 === 0 ? away('KS_STORE', 'the store') : null),
    ],
    ['a state file that another process locks', (part, nth) => (part === 'state' && nth === 1 ? locked : null)],
  ])('waits for %s and goes on from the tables', async (_, failing) => {
    const lake = await filledLake();
    const notices: string[] = [];
    expect(await consume(shakyLake(lake, failing), notices)).toMatchObject({ caughtUp: true });
    expect(notices.filter((text) => text.includes('waiting for it')).length).toBeGreaterThan(0);
    expect(notices.filter((text) => text.startsWith('going on')).length).toBeGreaterThan(0);
    await expectWhole(lake);
  });

  test('says so once, however often it tries', async () => {
    const lake = await filledLake();
    const notices: string[] = [];
    await consume(
      shakyLake(lake, (part, nth) => (part === 'log' && nth <= 7 ? away('KS_LOG', 'the log') : null)),
      notices,
    );
    expect(notices).toEqual([
      'the log does not answer; waiting for it',
      expect.stringMatching(/^going on after [\d.]+ s of waiting$/),
    ]);
  });

  test('ends with the failure once it has lasted longer than the patience, and a later run goes on', async () => {
    const lake = await filledLake();
    const impatient = { ...lake, config: { ...lake.config, resilience: { ...lake.config.resilience, patience: 150 } } };
    const gone = shakyLake(impatient, (part, nth) => (part === 'commit' && nth > 3 ? away('KS_STORE', 'the store') : null));
    await expect(consume(gone)).rejects.toMatchObject({ code: 'KS_STORE', exitCode: 5 });
    const state = await lake.state();
    expect((await state.listRuns({ command: 'consume run', limit: 1 }))[0]).toMatchObject({ status: 'failed' });
    await consume(lake);
    await expectWhole(lake);
  });

  test('waits without end for a run without end, until it is told to stop', async () => {
    const lake = await filledLake();
    const stop = new AbortController();
    const notices: string[] = [];
    const impatient = { ...lake, config: { ...lake.config, resilience: { ...lake.config.resilience, patience: 1 } } };
    let isAway = true;
    const running = runConsumer(
      shakyLake(impatient, (part, nth) => (isAway && part === 'commit' && nth > 4 ? away('KS_STORE', 'the store') : null)),
      { untilCaughtUp: false, signal: stop.signal, onNotice: (text) => notices.push(text) },
    );
    while (!notices.some((text) => text.includes('waiting'))) await delay(10);
    await delay(300);
    isAway = false;
    const derived = async (): Promise<number> => {
      const next = (await (await lake.table('ledger.dispositions'))?.state())?.nextOffsets.get(lake.config.profile.log.topic);
      return [...(next?.values() ?? [])].reduce((sum, each) => sum + each, 0);
    };
    while ((await derived()) < 60) await delay(20);
    stop.abort();
    expect(await running).toMatchObject({ landed: expect.any(Number) });
    await expectWhole(lake);
  });

  /** Told to stop when the part fails for the first time; how the failure looks must not matter then. */
  test.each<readonly [string, Part, Error]>([
    ['the state is locked', 'state', locked],
    ['the state cannot be read for a lock', 'state', lockedBy('SQLITE_PROTOCOL')],
    ['the log is away at its start', 'log', away('KS_LOG', 'the log')],
    ['the log was closed', 'log', new KeystoneError('KS_LOG', 'the connection was closed')],
    ['the store is away at a commit', 'commit', away('KS_STORE', 'the store')],
    ['the store refuses a commit', 'commit', new KeystoneError('KS_STORE', 'the store refused')],
    ['the tables are away at its start', 'table', away('KS_CATALOG', 'the catalog')],
  ])('stops in good order when %s', async (_, part, failure) => {
    const lake = await filledLake();
    const stop = new AbortController();
    const failing = (of: Part): Error | null => {
      if (of !== part) return null;
      stop.abort();
      return failure;
    };
    const stopped = runConsumer(shakyLake(lake, failing), { untilCaughtUp: false, signal: stop.signal });
    expect(await stopped).toMatchObject({ landed: 0, caughtUp: false });
    const ending = new AbortController();
    const untilCaughtUp = runConsumer(
      shakyLake(lake, (of) => (of === part ? (ending.abort(), failure) : null)),
      { untilCaughtUp: true, signal: ending.signal },
    );
    await expect(untilCaughtUp).rejects.toMatchObject({ code: 'KS_INTERRUPTED', exitCode: 6 });
    await consume(lake);
    await expectWhole(lake);
  });

  test('does not wait for credentials that are refused', async () => {
    const lake = await filledLake();
    const notices: string[] = [];
    const locked = shakyLake(lake, (part) => (part === 'commit' ? away('KS_CREDENTIALS', 'the store') : null));
    await expect(consume(locked, notices)).rejects.toMatchObject({ code: 'KS_CREDENTIALS' });
    expect(notices).toEqual([]);
  });
});
