/** A rollback takes tables back to a moment at which they fit, and what they gave up comes again exactly as it was. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { compactTable } from '../../../src/core/care/compact-table.js';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import { runDoctor } from '../../../src/core/doctor/run-doctor.js';
import { runGold } from '../../../src/core/gold/run-gold.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import type { Account } from '../../../src/core/ledger/account.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import type { EventLog } from '../../../src/core/log/event-log.js';
import { type RollbackOptions, type RollbackResult, rollbackTables } from '../../../src/core/rollback/rollback-tables.js';
import { murmur3 } from '../../../src/core/table/murmur3.js';
import type { Snapshot, Table, TableName, TableState } from '../../../src/core/table/table-api.js';
import { Died, dyingLake } from '../../support/dying-lake.js';
import { lakeContents } from '../../support/lake-contents.js';
import { mixedEvents } from '../../support/mixed-events.js';
import { systemEffects } from '../../support/effects.js';
import { testLake, type TestLakeOptions } from '../../support/test-lake.js';
import { consume } from '../silver/consume-support.js';

const OPTIONS: TestLakeOptions = { consume: { flushRows: 30, leaseTtl: '1s' }, partitions: 2, processName: 'test/one' };

/** The same id always goes to the same partition, as keys see to it: which of two was first must not depend on the cut of the batches. */
async function append(lake: Lakehouse, seed: number, events = 60): Promise<void> {
  const { topic, partitions } = lake.config.profile.log;
  const log = await lake.log();
  await log.ensureTopic(topic, partitions);
  const records = mixedEvents(events, { seed, partitions, prefix: seed === 1 ? '' : `${seed}-` }).map((record) => ({
    ...record,
    partition: murmur3(record.headers[0]?.value as Uint8Array) & 1,
  }));
  for (let at = 0; at < records.length; at += 10) {
    await log.append(topic, records.slice(at, at + 10));
    // Versions of one key lie in both partitions: which is newer rests on log times (ms), and must be the same each time.
    await delay(3);
  }
}

let saved: { readonly dir: string; readonly copy: string } | undefined;

/** Three rounds of events, each consumed in a few batches; always in the same folder, since a lake names its place. */
async function filledLake(): Promise<{ readonly lake: Lakehouse; readonly dir: string }> {
  if (!saved) {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
    saved = { dir, copy: `${dir}-saved` };
    const { lake } = await testLake({ ...OPTIONS, dir });
    for (const seed of [1, 2, 3]) {
      await append(lake, seed);
      await consume(lake);
    }
    await lake.close();
    await cp(dir, saved.copy, { recursive: true });
  } else {
    await rm(saved.dir, { recursive: true, force: true });
    await cp(saved.copy, saved.dir, { recursive: true });
  }
  return { ...(await testLake({ ...OPTIONS, dir: saved.dir })), dir: saved.dir };
}

afterAll(async () => {
  for (const dir of saved ? [saved.dir, saved.copy] : []) await rm(dir, { recursive: true, force: true });
});

/** Everything but which event is named as the winner: of three versions the first loses to the second, or to the third at once. */
async function contentsOf(lake: Lakehouse): Promise<Awaited<ReturnType<typeof lakeContents>>> {
  const { 'ledger.dispositions': dispositions = [], ...rest } = await lakeContents(lake);
  const anyWinner = dispositions.map((row) => row.replace(/, 'winner_partition': .*/, '')).toSorted();
  return { ...rest, 'ledger.dispositions': anyWinner };
}

const tableOf = async (lake: Lakehouse, name: TableName): Promise<Table> => (await lake.table(name)) as Table;
const stateOf = async (lake: Lakehouse, name: TableName): Promise<TableState> => (await tableOf(lake, name)).state();

const rollback = (lake: Lakehouse, table: string, to: string, more: Partial<RollbackOptions> = {}): Promise<RollbackResult> =>
  rollbackTables(lake, { table, to, dryRun: false, confirmed: true, signal: new AbortController().signal, ...more });

/** Both modes say the same; the deep one is returned. */
async function account(lake: Lakehouse): Promise<Account> {
  const quick = await verifyLedger(lake, { deep: false });
  const deep = await verifyLedger(lake, { deep: true });
  expect(deep.closed).toBe(quick.closed);
  return deep;
}

async function expectClosed(lake: Lakehouse): Promise<Account> {
  const found = await account(lake);
  expect({ breaks: found.breaks, rolledBack: found.rolledBack, inFlight: found.inFlight }).toEqual({
    breaks: [],
    rolledBack: [],
    inFlight: [],
  });
  return found;
}

/** A snapshot of the middle of a table's history. */
const middleOf = async (lake: Lakehouse, name: TableName): Promise<Snapshot> => {
  const { snapshots } = await stateOf(lake, name);
  return snapshots[Math.floor(snapshots.length / 2)] as Snapshot;
};

const compact = async (lake: Lakehouse, name: TableName): Promise<number> => {
  const session = await lake.duck();
  onTestFinished(() => session.close());
  const policy = { smallFileBytes: 1e9, targetFileBytes: 1e9, minFiles: 2, tiered: false };
  return (await compactTable(session, await tableOf(lake, name), { policy, randomBytes: lake.effects.randomBytes })).merged;
};

let undisturbed: Awaited<ReturnType<typeof contentsOf>> | undefined;

/** The lake with a fourth round. */
async function consumedInPeace(): Promise<Lakehouse> {
  const { lake } = await filledLake();
  await append(lake, 4);
  await consume(lake);
  return lake;
}

describe('a derived table', { timeout: 120_000 }, () => {
  it('goes back with its family, the account closes, and consuming makes everything as it was', async () => {
    const { lake } = await filledLake();
    const before = await contentsOf(lake);
    const target = await middleOf(lake, 'silver.orders');
    const dry = await rollback(lake, 'silver.orders', String(target.id), { dryRun: true, confirmed: false });
    expect(await contentsOf(lake)).toEqual(before);
    const done = await rollback(lake, 'silver.orders', String(target.id));
    expect({ ...done, seconds: 0, dryRun: true }).toEqual({ ...dry, seconds: 0 });
    expect(done).toMatchObject({ kind: 'derived', changed: true, next: 'keystone consume run' });
    expect(done.tables.at(-1)?.table).toBe('ledger.dispositions');
    for (const { table, to, rowsAfter } of done.tables) {
      const state = await stateOf(lake, table as TableName);
      expect(String(state.currentSnapshot?.id ?? null)).toBe(String(to));
      expect((await (await tableOf(lake, table as TableName)).scan()).recordCount).toBe(rowsAfter);
    }
    const closed = await expectClosed(lake);
    expect(closed.totals.unprocessed).toBe(done.eventsAgain);
    expect(done.eventsAgain).toBeGreaterThan(30);
    expect(done.offsets.reduce((sum, { from, to }) => sum + from - to, 0)).toBe(done.eventsAgain);
    const again = await consume(lake);
    expect(again).toMatchObject({ landed: 0, derived: { events: done.eventsAgain } });
    await expectClosed(lake);
    expect(await contentsOf(lake)).toEqual(before);
  });

  it('may be derived again in other batches: nothing of what was given up is missed later', async () => {
    const { lake, dir } = await filledLake();
    const before = await contentsOf(lake);
    await rollback(lake, 'quarantine.events', String((await middleOf(lake, 'quarantine.events')).id));
    const { lake: other } = await testLake({
      ...OPTIONS,
      dir,
      consume: { flushRows: 7, leaseTtl: '1s' },
      processName: 'test/other',
    });
    await consume(other);
    await expectClosed(other);
    const silver = Object.entries(before).filter(([name]) => name.startsWith('silver.') || name === 'quarantine.events');
    expect(await contentsOf(other)).toMatchObject(Object.fromEntries(silver));
    await append(lake, 4, 20);
    await consume(lake);
    await expectClosed(lake);
  });

  it('goes back through compactions', async () => {
    const { lake } = await filledLake();
    const target = await middleOf(lake, 'ledger.dispositions');
    for (const name of ['silver.orders', 'ledger.dispositions', 'error.events', 'bronze.events'] as const) {
      expect(await compact(lake, name)).toBeGreaterThan(1);
    }
    const before = await contentsOf(lake);
    const moved = await rollback(lake, 'ledger.dispositions', 'previous');
    expect(moved.eventsAgain).toBe(0); // only the compaction
    await expectClosed(lake);
    expect(await contentsOf(lake)).toEqual(before);
    await compact(lake, 'ledger.dispositions');
    await rollback(lake, 'ledger.dispositions', String(target.id));
    await expectClosed(lake);
    await compact(lake, 'silver.orders');
    await consume(lake);
    await expectClosed(lake);
    expect(await contentsOf(lake)).toEqual(before);
  });

  it.each<readonly [TableName, 'before' | 'after']>([
    ['quarantine.events', 'after'],
    ['ledger.dispositions', 'after'],
    ['silver.orders', 'before'],
  ])('goes back from a range that was left half done (%s, %s its commit)', async (name, when) => {
    const { lake } = await filledLake();
    await append(lake, 4);
    const died = runConsumer(
      dyingLake(lake, (table) => (table === name ? when : 'no')),
      { untilCaughtUp: true, signal: new AbortController().signal },
    );
    await expect(died).rejects.toThrow(Died);
    const done = await rollback(lake, 'ledger.dispositions', 'current');
    expect(done.changed).toBe(true);
    await expectClosed(lake);
    await consume(lake);
    await expectClosed(lake);
    const found = await contentsOf(lake);
    await lake.close();
    undisturbed ??= await contentsOf(await consumedInPeace());
    for (const [table, rows] of Object.entries(undisturbed)) {
      if (table.startsWith('silver.')) expect(withoutLogTime(found[table as TableName] ?? [])).toEqual(withoutLogTime(rows));
    }
  });

  it('can go back to before its first range', async () => {
    const { lake } = await testLake(OPTIONS);
    await append(lake, 1, 20);
    const died = runConsumer(
      dyingLake(lake, (table) => (table === 'ledger.dispositions' ? 'after' : 'no')),
      { untilCaughtUp: true, signal: new AbortController().signal },
    );
    await expect(died).rejects.toThrow(Died);
    const done = await rollback(lake, 'ledger.dispositions', 'current');
    expect(done.tables.find(({ table }) => table === 'ledger.dispositions')).toMatchObject({ to: null, rowsAfter: 0 });
    await expectClosed(lake);
    await consume(lake);
    expect((await expectClosed(lake)).totals.processed).toBe(20);
  });

  it('repairs a table that somebody rolled back alone', async () => {
    const { lake } = await filledLake();
    const before = await contentsOf(lake);
    await (await tableOf(lake, 'silver.orders')).rollback((await middleOf(lake, 'silver.orders')).id);
    expect((await account(lake)).rolledBack.map(({ table }) => table)).toEqual(['silver.orders']);
    await expect(consume(lake)).rejects.toMatchObject({
      code: 'KS_TABLE_CORRUPT',
      hint: expect.stringContaining('--to current'),
    });
    await rollback(lake, 'silver.orders', 'current');
    await expectClosed(lake);
    await consume(lake);
    await expectClosed(lake);
    expect(await contentsOf(lake)).toEqual(before);
  });

  it('takes out what another writer did to one table, and leaves the others where they are', async () => {
    const { lake } = await filledLake();
    const before = await contentsOf(lake);
    const orders = await tableOf(lake, 'silver.orders');
    const [file] = (await orders.scan()).files;
    await orders.commit({ add: [], remove: [file?.path ?? ''] });
    expect(await account(lake)).toMatchObject({ closed: false });
    const done = await rollback(lake, 'silver.orders', 'previous');
    expect(done.eventsAgain).toBe(0);
    expect(done.tables.filter(({ from, to }) => from !== to).map(({ table }) => table)).toEqual(['silver.orders']);
    await expectClosed(lake);
    expect(await contentsOf(lake)).toEqual(before);
    await append(lake, 4, 10);
    await consume(lake);
    await expectClosed(lake);
  });

  it('takes a time as the moment for all tables', async () => {
    const { lake } = await testLake(OPTIONS);
    await append(lake, 1);
    await consume(lake);
    const then = await contentsOf(lake);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const moment = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await append(lake, 2);
    await consume(lake);
    await rollback(lake, 'silver.order_items', moment);
    const { 'bronze.events': _, ...derived } = await contentsOf(lake);
    expect(then).toMatchObject(derived);
    await consume(lake);
    await expectClosed(lake);
  });
});

/** Another lake took the events at other times. */
const withoutLogTime = (rows: readonly string[]): readonly string[] =>
  rows.map((row) => row.replace(/'_log_time': [^,}]*/, '')).toSorted();

/** Whose `n`-th change of metadata (from 1) never comes, nor anything after it. */
function dyingAtSwap(lake: Lakehouse, n: number): Lakehouse {
  let swaps = 0;
  return {
    ...lake,
    table: async (name) => {
      const table = await lake.table(name);
      return (
        table && {
          ...table,
          changeMetadata: async (build) => {
            swaps += 1;
            if (swaps >= n) throw new Died(name);
            return table.changeMetadata(build);
          },
        }
      );
    },
  };
}

const DOCTOR = { effects: systemEffects(), nodeVersion: 'v20.20.2', env: {} };

describe('a rollback that is stopped half-way', { timeout: 240_000 }, () => {
  it.each([
    ['previous', [2, 4, 12]],
    ['id', [5]],
    ['time', [5]],
  ])('keeps consumers away, and the same command again (--to %s) finishes it', async (kind, swaps) => {
    const { lake } = await filledLake();
    const before = await contentsOf(lake);
    const target = kind === 'previous' ? null : await middleOf(lake, 'silver.orders');
    const to = target === null ? 'previous' : kind === 'id' ? String(target.id) : new Date(target.timestampMs + 1).toISOString();
    const planned = await rollback(lake, 'silver.orders', to, { dryRun: true });
    expect(planned.tables).toHaveLength(12);
    // Each time from the state that the run before left.
    for (const n of swaps) {
      await expect(rollback(dyingAtSwap(lake, n), 'silver.orders', to)).rejects.toThrow(Died);
      expect(await account(lake)).toMatchObject({ closed: false });
      await expect(consume(lake)).rejects.toMatchObject({
        code: 'KS_TABLE_CORRUPT',
        hint: expect.stringMatching(/^keystone table rollback silver\.orders --to \d+ --yes$/),
      });
      const { checks } = await runDoctor({ ...DOCTOR, project: async () => lake.config });
      expect(checks.find(({ check }) => check === 'tables')).toMatchObject({
        status: 'failed',
        found: expect.stringContaining('a rollback of silver.orders was stopped'),
        fix: expect.stringMatching(/^keystone table rollback silver\.orders --to \d+ --yes$/),
      });
    }
    const done = await rollback(lake, 'silver.orders', to);
    expect(done.tables.map(({ table, to: back }) => [table, back])).toEqual(
      planned.tables.map(({ table, to: back }) => [table, back]),
    );
    expect(done.eventsAgain).toBe(planned.eventsAgain);
    await expectClosed(lake);
    await consume(lake);
    await expectClosed(lake);
    expect(await contentsOf(lake)).toEqual(before);
  });

  it('dies at the first table without a trace', async () => {
    const { lake } = await filledLake();
    await expect(rollback(dyingAtSwap(lake, 1), 'silver.orders', 'previous')).rejects.toThrow(Died);
    await expectClosed(lake);
    await consume(lake);
  });
});

describe('whoever else is at work', { timeout: 60_000 }, () => {
  it('a running consumer keeps its lease: the rollback says who it is and changes nothing', async () => {
    const { lake, dir } = await filledLake();
    const { lake: consumer } = await testLake({ ...OPTIONS, dir, processName: 'test/consumer' });
    const stop = new AbortController();
    const running = runConsumer(consumer, { untilCaughtUp: false, signal: stop.signal });
    const { topic } = lake.config.profile.log;
    await expect
      .poll(async () => (await (await lake.state()).readLease(`consume/${topic}`))?.holder, { timeout: 20_000 })
      .toBe('test/consumer');
    const current = (await stateOf(lake, 'silver.orders')).currentSnapshot?.id;
    for (const table of ['silver.orders', 'bronze.events']) {
      await expect(rollback(lake, table, 'previous')).rejects.toMatchObject({
        code: 'KS_LEASE_HELD',
        message: expect.stringContaining('test/consumer'),
        hint: expect.stringContaining('stop it'),
      });
    }
    stop.abort();
    await running;
    expect((await stateOf(lake, 'silver.orders')).currentSnapshot?.id).toBe(current);
    await rollback(lake, 'silver.orders', 'previous');
    await expectClosed(lake);
  });

  it("a killed consumer's lease is waited for", async () => {
    const { lake } = await filledLake();
    const state = await lake.state();
    await state.acquireLease(`consume/${lake.config.profile.log.topic}`, 'test/killed', 700);
    const notices: string[] = [];
    await rollback(lake, 'silver.orders', 'previous', { onNotice: (text) => notices.push(text) });
    expect(notices).toEqual([expect.stringContaining('test/killed')]);
    await expectClosed(lake);
  });

  it('a consumer that was suspended since before is fenced out of every table', async () => {
    const { lake } = await filledLake();
    const { topic } = lake.config.profile.log;
    const lease = await (await lake.state()).acquireLease(`consume/${topic}`, 'test/zombie', 1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    const { tables } = await rollback(lake, 'silver.orders', 'previous');
    for (const { table } of tables) {
      const { nextOffsets } = await stateOf(lake, table as TableName);
      const next = nextOffsets.get(topic)?.get(0) ?? 0;
      const fence = {
        ranges: [{ topic, partition: 0, expectedNext: next, endExclusive: next + 1 }],
        fencingToken: lease?.fencingToken ?? 0,
      };
      expect(await (await tableOf(lake, table as TableName)).commit({ add: [], fence })).toMatchObject({ kind: 'fenced' });
    }
    await consume(lake);
    await expectClosed(lake);
  });

  it('a standby consumer reads the tables anew', async () => {
    const { lake, dir } = await filledLake();
    const before = await contentsOf(lake);
    const { lake: other } = await testLake({ ...OPTIONS, dir, processName: 'test/standby' });
    const held = await (await lake.state()).acquireLease(`consume/${lake.config.profile.log.topic}`, 'test/one', 60_000);
    const stop = new AbortController();
    const notices: string[] = [];
    const standby = runConsumer(other, { untilCaughtUp: false, signal: stop.signal, onNotice: (text) => notices.push(text) });
    await expect.poll(() => notices.length).toBe(1);
    await rollback(lake, 'silver.orders', String((await middleOf(lake, 'silver.orders')).id));
    expect(held).not.toBeNull();
    await expect.poll(async () => (await verifyLedger(lake, { deep: false })).totals.unprocessed, { timeout: 20_000 }).toBe(0);
    stop.abort();
    await standby;
    await expectClosed(lake);
    expect(await contentsOf(lake)).toEqual(before);
  });
});

describe('bronze', { timeout: 60_000 }, () => {
  it('goes back alone and is landed again from the log', async () => {
    const { lake } = await filledLake();
    const before = await contentsOf(lake);
    const done = await rollback(lake, 'bronze.events', String((await middleOf(lake, 'bronze.events')).id));
    expect(done).toMatchObject({ kind: 'bronze', tables: [{ table: 'bronze.events' }] });
    expect((await account(lake)).rolledBack.map(({ table }) => table)).toEqual(['bronze.events']);
    expect(await consume(lake)).toMatchObject({ landed: done.eventsAgain, derived: { events: 0 } });
    await expectClosed(lake);
    expect(await contentsOf(lake)).toEqual(before);
  });

  it('stays when the log no longer holds what it would give up', async () => {
    const { lake } = await filledLake();
    const log = await lake.log();
    const begins = (startOffset: number): Lakehouse => ({
      ...lake,
      log: async (): Promise<EventLog> => ({
        ...log,
        topicId: (topic) => log.topicId(topic),
        bounds: async (topic) => (await log.bounds(topic)).map((bound) => ({ ...bound, startOffset })),
      }),
    });
    const target = String((await middleOf(lake, 'bronze.events')).id);
    const current = (await stateOf(lake, 'bronze.events')).currentSnapshot?.id;
    const end = Math.min(
      ...((await stateOf(lake, 'bronze.events')).nextOffsets.get(lake.config.profile.log.topic)?.values() ?? []),
    );
    await expect(rollback(begins(end), 'bronze.events', target)).rejects.toMatchObject({ code: 'KS_LOG_TRUNCATED' });
    expect((await stateOf(lake, 'bronze.events')).currentSnapshot?.id).toBe(current);
    await rollback(begins(1), 'bronze.events', target);
  });
});

describe('gold', { timeout: 60_000 }, () => {
  it('goes back alone, and is brought up to date again by the next run', async () => {
    const { lake } = await testLake(OPTIONS);
    await append(lake, 1);
    await consume(lake);
    await runGold(lake);
    await append(lake, 2);
    await consume(lake);
    await runGold(lake);
    const before = await contentsOf(lake);
    const done = await rollback(lake, 'gold.fact_sales', 'previous');
    expect(done).toMatchObject({ kind: 'gold', eventsAgain: 0, offsets: [], tables: [{ table: 'gold.fact_sales' }] });
    expect((await lakeContents(lake))['gold.fact_sales']).not.toEqual(before['gold.fact_sales']);
    const held = await (await lake.state()).acquireLease('gold', 'test/gold', 60_000);
    expect(held).not.toBeNull();
    if (held) await (await lake.state()).releaseLease(held);
    await runGold(lake);
    expect(await contentsOf(lake)).toEqual(before);
  });

  it('is right again after its silver went back and came again', async () => {
    const { lake } = await testLake(OPTIONS);
    await append(lake, 1);
    await consume(lake);
    await append(lake, 2);
    await consume(lake);
    await runGold(lake);
    const before = await contentsOf(lake);
    await rollback(lake, 'silver.orders', String((await middleOf(lake, 'silver.orders')).id));
    await runGold(lake);
    await consume(lake);
    await runGold(lake);
    expect(await contentsOf(lake)).toEqual(before);
  });
});

describe('wrong uses', { timeout: 60_000 }, () => {
  it('are refused, and nothing changes', async () => {
    const { lake } = await filledLake();
    const before = await contentsOf(lake);
    const target = await middleOf(lake, 'silver.orders');
    const cases: readonly (readonly [string, string, string, Partial<RollbackOptions>?])[] = [
      ['silver.orders', '42', 'KS_NOT_FOUND'],
      ['silver.orders', '2001-01-01', 'KS_NOT_FOUND'],
      ['silver.orders', 'yesterday', 'KS_USAGE'],
      ['silver.nothing', 'previous', 'KS_NOT_FOUND'],
      ['elsewhere.table', 'previous', 'KS_USAGE'],
      ['silver.orders', String(target.id), 'KS_USAGE', { confirmed: false }],
    ];
    for (const [table, to, code, more] of cases)
      await expect(rollback(lake, table, to, more), `${table} ${to}`).rejects.toMatchObject({ code });
    expect(await rollback(lake, 'silver.orders', 'current', { confirmed: false })).toMatchObject({ changed: false });
    expect(await contentsOf(lake)).toEqual(before);
    const newest = String((await stateOf(lake, 'silver.orders')).currentSnapshot?.id);
    await rollback(lake, 'silver.orders', String(target.id));
    await expect(rollback(lake, 'silver.orders', newest)).rejects.toMatchObject({
      code: 'KS_USAGE',
      message: expect.stringContaining('given up'),
    });
  });
});
