/** A builder that died between two commits, then an expiry of everything that may go: the account closes, and the work is finished. */
import { cp } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { expireSnapshots } from '../../../src/core/care/expire-snapshots.js';
import { removeOrphans } from '../../../src/core/care/remove-orphans.js';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import { runGold } from '../../../src/core/gold/run-gold.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import { dyingLake } from '../../support/dying-lake.js';
import { lakeContents } from '../../support/lake-contents.js';
import { mixedEvents } from '../../support/mixed-events.js';
import { tempDir } from '../../support/temp-dir.js';
import { testLake } from '../../support/test-lake.js';
import { HOUR_MS, later } from './aging-table.js';

const SOAK = process.env['KEYSTONE_SOAK'] === '1';
const OPTIONS = { consume: { flushRows: 30, leaseTtl: '60s' }, partitions: 2, processName: 'test/crasher' };

const consume = async (lake: Lakehouse): Promise<void> => {
  await runConsumer(lake, { untilCaughtUp: true, signal: new AbortController().signal });
};

async function closes(lake: Lakehouse, when: string): Promise<void> {
  for (const deep of [false, true]) {
    const { breaks, rolledBack, closed } = await verifyLedger(lake, { deep });
    expect({ when, deep, breaks, rolledBack, closed }).toEqual({ when, deep, breaks: [], rolledBack: [], closed: true });
  }
}

async function expireAll(lake: Lakehouse): Promise<number> {
  let expired = 0;
  for (const name of await lake.tableNames()) {
    const table = await lake.table(name);
    if (!table) continue;
    expired += (await expireSnapshots(table, { keep: 1, keepForMs: 0 }, later(0))).expiredSnapshots;
    await removeOrphans(table, 0, later(2 * HOUR_MS));
  }
  return expired;
}

test('expiry with one snapshot kept, after death at every commit', { timeout: 300_000 }, async () => {
  const { lake: source, dir } = await testLake(OPTIONS);
  const { topic, partitions } = source.config.profile.log;
  const log = await source.log();
  await log.ensureTopic(topic, partitions);
  for (const record of mixedEvents(SOAK ? 300 : 90, { seed: 3, partitions })) await log.append(topic, [record]);
  await source.close();
  const copied = async (): Promise<Lakehouse> => {
    const copy = await tempDir();
    await cp(dir, copy, { recursive: true });
    return (await testLake({ ...OPTIONS, dir: copy })).lake;
  };
  const undisturbed = await copied();
  const commits: string[] = [];
  await consume(dyingLake(undisturbed, (table) => (commits.push(table), 'no')));
  const expected = await lakeContents(undisturbed);
  let expired = 0;
  // The first range has no state before it; from the second on there is something to expire.
  // The last of each kind: between any two of these the tables do not fit together.
  const kinds = ['quarantine.', 'ledger.', 'silver.'].map((kind) => commits.findLastIndex((name) => name.startsWith(kind)) + 1);
  for (const atCommit of SOAK ? commits.map((_, n) => n + 1).slice(1) : kinds) {
    const lake = await copied();
    const when = `died after commit ${atCommit} (${commits[atCommit - 1]})`;
    await expect(consume(dyingLake(lake, (_, nth) => (nth === atCommit ? 'after' : 'no'))), when).rejects.toThrow('died');
    expired += await expireAll(lake);
    await closes(lake, when);
    await consume(lake);
    await expireAll(lake);
    await closes(lake, `finished, ${when}`);
    expect(await lakeContents(lake), when).toEqual(expected);
    await lake.close();
  }
  expect(expired).toBeGreaterThan(0);
});

test('gold whose inputs have expired gives the same rows', { timeout: 120_000 }, async () => {
  const { lake } = await testLake(OPTIONS);
  const { topic, partitions } = lake.config.profile.log;
  const log = await lake.log();
  await log.ensureTopic(topic, partitions);
  const build = async (seed: number): Promise<void> => {
    for (const record of mixedEvents(60, { seed, partitions, prefix: `s${seed}-` })) await log.append(topic, [record]);
    await consume(lake);
  };
  const gold = async (): Promise<unknown> =>
    (await (await lake.engine()).query('SELECT * FROM gold.daily_regional_sales ORDER BY ALL')).rows;
  await build(1);
  await runGold(lake, {});
  await build(2);
  await expireAll(lake);
  await runGold(lake, {});
  const incremental = await gold();
  await expireAll(lake);
  await closes(lake, 'after gold');
  await runGold(lake, { full: true });
  expect(await gold()).toEqual(incremental);
});
