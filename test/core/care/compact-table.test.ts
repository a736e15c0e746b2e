/** Compaction changes where rows lie and nothing else, whoever works beside it. */
import { cp } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { type Compacted, compactTable } from '../../../src/core/care/compact-table.js';
import { namedTables } from '../../../src/core/care/named-tables.js';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import { runGold } from '../../../src/core/gold/run-gold.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import type { DataFile } from '../../../src/core/table/table-api.js';
import { Died, dyingLake } from '../../support/dying-lake.js';
import { lakeContents } from '../../support/lake-contents.js';
import { mixedEvents } from '../../support/mixed-events.js';
import { tempDir } from '../../support/temp-dir.js';
import { testLake } from '../../support/test-lake.js';

const OPTIONS = { consume: { flushRows: 40 }, partitions: 2, processName: 'test/compactor' };
const POLICY = { smallFileBytes: 32_000_000, targetFileBytes: 128_000_000, minFiles: 2, tiered: false };

async function append(lake: Lakehouse, count: number, seed: number): Promise<void> {
  const { topic, partitions } = lake.config.profile.log;
  const log = await lake.log();
  await log.ensureTopic(topic, partitions);
  for (const record of mixedEvents(count, { seed, partitions, prefix: `s${seed}-` })) await log.append(topic, [record]);
}

const consume = (lake: Lakehouse): Promise<unknown> =>
  runConsumer(lake, { untilCaughtUp: true, signal: new AbortController().signal });

async function compactAll(
  lake: Lakehouse,
  onMerged: (file: DataFile) => Promise<void> = async () => {},
): Promise<ReadonlyMap<string, Compacted>> {
  const session = await lake.duck();
  const done = new Map<string, Compacted>();
  try {
    for (const table of await namedTables(lake, [])) {
      done.set(
        table.name,
        await compactTable(session, table, { policy: POLICY, randomBytes: lake.effects.randomBytes, onMerged }),
      );
    }
  } finally {
    await session.close();
  }
  return done;
}

async function closes(lake: Lakehouse): Promise<void> {
  for (const deep of [false, true]) {
    const { breaks, rolledBack, totals } = await verifyLedger(lake, { deep });
    expect({ deep, breaks, rolledBack }).toEqual({ deep, breaks: [], rolledBack: [] });
    expect(totals.pending).toBe(0);
  }
}

async function copied(dir: string): Promise<Lakehouse> {
  const copy = await tempDir();
  await cp(dir, copy, { recursive: true });
  return (await testLake({ ...OPTIONS, dir: copy })).lake;
}

test('rows, account and verdict totals stay; later versions of compacted rows replace them', { timeout: 120_000 }, async () => {
  const { lake } = await testLake(OPTIONS);
  await append(lake, 300, 1);
  await consume(lake);
  const before = await lakeContents(lake);
  const accountBefore = await verifyLedger(lake, { deep: false });
  const done = await compactAll(lake);
  expect(done.get('bronze.events')).toMatchObject({ filesAfter: 2, conflicts: 0 });
  expect(done.get('bronze.events')?.filesBefore).toBeGreaterThan(6);
  expect(done.get('silver.orders')?.filesAfter).toBe(5); // one for each day
  expect(done.get('ledger.dispositions')?.filesAfter).toBe(1);
  expect(await lakeContents(lake)).toEqual(before);
  await closes(lake);
  expect((await verifyLedger(lake, { deep: false })).totals).toEqual(accountBefore.totals);
  expect([...(await compactAll(lake)).values()].map(({ merged }) => merged).filter((merged) => merged > 0)).toEqual([]);

  await append(lake, 200, 2);
  await consume(lake);
  await closes(lake);
});

test('a merged bronze file holds one topic-partition, in one name that tells its offsets', { timeout: 60_000 }, async () => {
  const { lake } = await testLake(OPTIONS);
  await append(lake, 200, 3);
  await consume(lake);
  await compactAll(lake);
  const files = (await (await lake.table('bronze.events'))?.scan())?.files ?? [];
  expect(files).toHaveLength(2);
  for (const file of files) {
    const [, partition, first, last] = /-(\d)-(\d+)-(\d+)-[0-9a-f]{16}\.parquet$/.exec(file.path) ?? [];
    expect([partition, first]).toEqual([expect.stringMatching(/[01]/), '0']);
    expect(Number(last)).toBe(file.recordCount - 1);
  }
});

test('gold is current after its inputs and its own tables were compacted', { timeout: 120_000 }, async () => {
  const { lake } = await testLake(OPTIONS);
  await append(lake, 200, 4);
  await consume(lake);
  const options = { signal: new AbortController().signal };
  await runGold(lake, options);
  const before = await lakeContents(lake);
  await compactAll(lake);
  const again = await runGold(lake, options);
  expect(again.models.length).toBeGreaterThan(5);
  expect(again.models.filter(({ filesAdded, filesRemoved }) => filesAdded + filesRemoved > 0)).toEqual([]);
  expect(await lakeContents(lake)).toEqual(before);
});

test(
  'a builder that works while its tables are compacted makes what an undisturbed one makes',
  { timeout: 240_000 },
  async () => {
    const { lake: source, dir } = await testLake(OPTIONS);
    await append(source, 300, 5);
    await source.close();
    const undisturbed = await copied(dir);
    await consume(undisturbed);
    const lake = await copied(dir);
    let working = true;
    const compacting = (async () => {
      let merged = 0;
      while (working) {
        for (const one of (await compactAll(lake)).values()) merged += one.merged;
      }
      return merged;
    })();
    await consume(lake).finally(() => (working = false));
    expect(await compacting).toBeGreaterThan(10);
    await closes(lake);
    expect(await lakeContents(lake)).toEqual(await lakeContents(undisturbed));
  },
);

test('what a dead builder left half done is finished after a compaction as before it', { timeout: 240_000 }, async () => {
  const { lake: source, dir } = await testLake(OPTIONS);
  await append(source, 120, 6);
  await source.close();
  const undisturbed = await copied(dir);
  const commits: string[] = [];
  await consume(dyingLake(undisturbed, (table) => (commits.push(table), 'no')));
  const expected = await lakeContents(undisturbed);
  const inSecondRange = [...commits.keys()].slice(Math.floor(commits.length / 2), Math.floor(commits.length / 2) + 7);
  for (const at of inSecondRange) {
    const lake = await copied(dir);
    await expect(consume(dyingLake(lake, (_, nth) => (nth === at + 1 ? 'after' : 'no')))).rejects.toThrow(Died);
    await compactAll(lake);
    const { breaks } = await verifyLedger(lake, { deep: true });
    expect({ at: commits[at], breaks }).toEqual({ at: commits[at], breaks: [] });
    await consume(lake);
    await closes(lake);
    expect(await lakeContents(lake)).toEqual(expected);
    await lake.close();
  }
});

test('a merge that meets another writer is given up, its file removed, and found again', { timeout: 60_000 }, async () => {
  const { lake } = await testLake(OPTIONS);
  await append(lake, 200, 7);
  await consume(lake);
  const before = await lakeContents(lake);
  let other = false;
  const written: string[] = [];
  const done = await compactAll(lake, async (file) => {
    written.push(file.path);
    if (other) return;
    other = true;
    await compactAll(lake); // the faster one
  });
  expect([...done.values()].reduce((sum, { conflicts }) => sum + conflicts, 0)).toBeGreaterThan(0);
  expect(await lakeContents(lake)).toEqual(before);
  const store = await lake.store();
  expect(await store.get(store.keyOf(written[0] ?? ''))).toBeNull();
  await closes(lake);
});
