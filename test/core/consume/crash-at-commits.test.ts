/** A builder that dies at any commit, before or after it took effect, leaves an account that closes and work that is finished exactly. */
import { cp } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import { Died, dyingLake } from '../../support/dying-lake.js';
import { lakeContents } from '../../support/lake-contents.js';
import { mixedEvents } from '../../support/mixed-events.js';
import { tempDir } from '../../support/temp-dir.js';
import { testLake } from '../../support/test-lake.js';

const SOAK = process.env['KEYSTONE_SOAK'] === '1';
const EVENTS = SOAK ? 400 : 60;
const SEEDS = SOAK ? [1, 2, 3, 4] : [1];
/** Small batches, so that the commits are many. */
const OPTIONS = { consume: { flushRows: 30, leaseTtl: '60s' }, partitions: 2, processName: 'test/crasher' };

const consume = async (lake: Lakehouse): Promise<void> => {
  await runConsumer(lake, { untilCaughtUp: true, signal: new AbortController().signal });
};

async function closes(lake: Lakehouse, when: string): Promise<void> {
  for (const deep of [false, true]) {
    const account = await verifyLedger(lake, { deep });
    expect({ when, deep, breaks: account.breaks, rolledBack: account.rolledBack }).toEqual({
      when,
      deep,
      breaks: [],
      rolledBack: [],
    });
  }
}

/** A folder whose log holds mixed events and nothing is consumed. */
async function filledLog(seed: number): Promise<string> {
  const { lake, dir } = await testLake(OPTIONS);
  const { topic, partitions } = lake.config.profile.log;
  const log = await lake.log();
  await log.ensureTopic(topic, partitions);
  for (const record of mixedEvents(EVENTS, { seed, partitions })) await log.append(topic, [record]);
  await lake.close();
  return dir;
}

async function copied(dir: string): Promise<Lakehouse> {
  const copy = await tempDir();
  await cp(dir, copy, { recursive: true });
  return (await testLake({ ...OPTIONS, dir: copy })).lake;
}

test.each(SEEDS)('death at every commit, before and after it (seed %i)', { timeout: 1_800_000 }, async (seed) => {
  const dir = await filledLog(seed);
  const undisturbed = await copied(dir);
  const commits: string[] = [];
  const noting = dyingLake(undisturbed, (table) => (commits.push(table), 'no'));
  await consume(noting);
  await closes(undisturbed, 'undisturbed');
  const expected = await lakeContents(undisturbed);
  expect(new Set(commits)).toContain('error.events');
  expect(new Set(commits)).toContain('quarantine.events');
  expect(commits.filter((name) => name.startsWith('silver.')).length).toBeGreaterThan(3);
  await undisturbed.close();

  for (let atCommit = 1; atCommit <= commits.length; atCommit++) {
    // Before a commit the tables are as after the one before it; what differs is files that nobody names.
    for (const when of SOAK || atCommit === 1 ? (['before', 'after'] as const) : (['after'] as const)) {
      const lake = await copied(dir);
      const what = `${when} commit ${atCommit} (${commits[atCommit - 1]})`;
      await expect(consume(dyingLake(lake, (_, nth) => (nth === atCommit ? when : 'no'))), what).rejects.toThrow(Died);
      await closes(lake, `died ${what}`);
      await consume(lake);
      await closes(lake, `finished after ${what}`);
      expect(await lakeContents(lake), what).toEqual(expected);
      await lake.close();
    }
  }
});
