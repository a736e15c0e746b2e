/** A contract that changes while a range is half done: nothing goes on by the new one until the old one has finished it. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runConsumer } from '../../src/core/consume/run-consumer.js';
import { isBuilt, runCli } from '../support/cli-process.js';
import { dyingLake } from '../support/dying-lake.js';
import {
  CAUGHT_UP,
  catchUp,
  contentsOf,
  copyOf,
  expectClosed,
  openLake,
  verify,
  violentProject,
} from '../support/violent-project.js';

describe.skipIf(!isBuilt())(
  'a contract that changes while a range is half done (needs npm run build)',
  { timeout: 120_000 },
  () => {
    it.each(['quarantine.events', 'ledger.dispositions'] as const)('after the commit to %s', async (table) => {
      const dir = await violentProject({ events: 60, seed: 41 }, 500);
      const undisturbed = await copyOf(dir);
      const lake = await openLake(dir);
      const options = { untilCaughtUp: true, signal: new AbortController().signal };
      await expect(
        runConsumer(
          dyingLake(lake, (name) => (name === table ? 'after' : 'no')),
          options,
        ),
      ).rejects.toThrow('died');
      await lake.close();

      const file = path.join(dir, 'contracts', 'orders.odcs.yaml');
      const old = await readFile(file, 'utf8');
      await writeFile(file, old.replace('version: 1.0.0', 'version: 1.1.0'));
      const refused = await runCli(['consume', 'run', ...CAUGHT_UP], { cwd: dir });
      expect({ code: refused.code, error: (JSON.parse(refused.stdout) as { error: unknown }).error }).toMatchObject({
        code: 4,
        error: { code: 'KS_CONTRACT_CHANGED', message: expect.stringContaining('orders') as string },
      });
      await expectClosed(dir, 'refused');

      await writeFile(file, old);
      await catchUp(dir);
      expect(await verify(dir)).toMatchObject({ closed: true, inFlight: [], totals: { pending: 0, unprocessed: 0 } });
      await catchUp(undisturbed);
      expect(await contentsOf(dir)).toEqual(await contentsOf(undisturbed));
      // Now that nothing is half done, the new contract may come.
      await writeFile(file, old.replace('version: 1.0.0', 'version: 1.1.0'));
      await catchUp(dir);
    });
  },
);
