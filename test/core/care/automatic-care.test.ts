/** A consumer that cares for its tables makes what one without makes, in fewer files and snapshots. */
import { cp } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { type ConsumeTotals, runConsumer } from '../../../src/core/consume/run-consumer.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import type { TableName } from '../../../src/core/table/table-api.js';
import { lakeContents } from '../../support/lake-contents.js';
import { mixedEvents } from '../../support/mixed-events.js';
import { tempDir } from '../../support/temp-dir.js';
import { testLake } from '../../support/test-lake.js';

const CONSUME = { flushRows: 25 };
const EAGER = { everyCommits: 2, minFiles: 3, keepSnapshots: 4, keepFor: 0 };

async function filledLog(): Promise<string> {
  const { lake, dir } = await testLake({ partitions: 2 });
  const { topic, partitions } = lake.config.profile.log;
  const log = await lake.log();
  await log.ensureTopic(topic, partitions);
  for (const record of mixedEvents(400, { seed: 11, partitions })) await log.append(topic, [record]);
  await lake.close();
  return dir;
}

async function copied(dir: string, care: Record<string, unknown>): Promise<Lakehouse> {
  const copy = await tempDir();
  await cp(dir, copy, { recursive: true });
  return (await testLake({ consume: CONSUME, care, partitions: 2, dir: copy })).lake;
}

const consume = (lake: Lakehouse, onNotice: (text: string) => void = () => undefined): Promise<ConsumeTotals> =>
  runConsumer(lake, { untilCaughtUp: true, signal: new AbortController().signal, onNotice });

const sizesOf = async (lake: Lakehouse, name: TableName): Promise<{ readonly files: number; readonly snapshots: number }> => {
  const table = await lake.table(name);
  const state = await table?.state();
  return { files: (await table?.scan())?.files.length ?? 0, snapshots: state?.snapshots.length ?? 0 };
};

test('files and snapshots stay few, rows and account are the same', { timeout: 120_000 }, async () => {
  const dir = await filledLog();
  const plain = await copied(dir, { automatic: false });
  expect((await consume(plain)).care).toEqual({ mergedFiles: 0, mergedInto: 0, expiredSnapshots: 0, deletedFiles: 0 });
  const cared = await copied(dir, EAGER);
  const notices: string[] = [];
  const { care } = await consume(cared, (text) => notices.push(text));
  expect(notices).toEqual([]);
  expect(care.mergedFiles).toBeGreaterThan(20);
  expect(care.expiredSnapshots).toBeGreaterThan(20);
  for (const name of ['bronze.events', 'silver.orders', 'ledger.dispositions', 'quarantine.events'] as const) {
    const [without, within] = [await sizesOf(plain, name), await sizesOf(cared, name)];
    expect({ name, ...within }).toEqual({ name, files: expect.any(Number), snapshots: expect.any(Number) });
    expect(within.files).toBeLessThan(without.files / 1.5);
    expect(within.snapshots).toBeLessThanOrEqual(8);
  }
  expect(await lakeContents(cared)).toEqual(await lakeContents(plain));
  for (const deep of [false, true]) expect(await verifyLedger(cared, { deep })).toMatchObject({ closed: true, breaks: [] });
});

test('a table that cannot be cared for is told of and stops nothing', { timeout: 60_000 }, async () => {
  const lake = await copied(await filledLog(), EAGER);
  const failing: Lakehouse = {
    ...lake,
    ensureTable: async (definition) => {
      const table = await lake.ensureTable(definition);
      if (table.name !== 'silver.geolocation') return table;
      return {
        ...table,
        commit: async (request) => {
          if (request.operation === 'replace') throw new Error('no space left on device');
          return table.commit(request);
        },
      };
    },
  };
  const notices: string[] = [];
  const totals = await consume(failing, (text) => notices.push(text));
  expect(totals.caughtUp).toBe(true);
  expect(notices[0]).toMatch(/^silver\.geolocation was not compacted.*no space left on device/);
  expect(await verifyLedger(lake, { deep: true })).toMatchObject({ closed: true });
});
