/** `consume run` killed with SIGKILL at random moments, again and again: the account closes at once, and the lake is as if nothing had happened. */
import { describe, expect, it } from 'vitest';
import { isBuilt } from '../support/cli-process.js';
import { seededRandom } from '../support/mixed-events.js';
import {
  CAUGHT_UP,
  catchUp,
  contentsOf,
  copyOf,
  expectClosed,
  pause,
  startConsumer,
  verify,
  violentProject,
} from '../support/violent-project.js';

const SOAK = process.env['KEYSTONE_SOAK'] === '1';
const KILLS = SOAK ? 100 : 20;

describe.skipIf(!isBuilt())('a killed consumer (needs npm run build)', () => {
  it(
    `leaves an account that closes after each of ${KILLS} kills, and nothing lost or doubled at the end`,
    { timeout: 600_000 },
    async () => {
      const dir = await violentProject({ events: SOAK ? 6_000 : 1_000, seed: 7 });
      const undisturbed = await copyOf(dir);
      const random = seededRandom(11);
      let running = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        const consumer = startConsumer(dir, CAUGHT_UP);
        // Every fourth in the first moments, the others somewhere among the commits.
        const delayMs = Math.floor(kill % 4 === 0 ? random() * 500 : 450 + random() * 900);
        await Promise.race([pause(delayMs), consumer.ended]);
        if (consumer.child.exitCode === null) running += 1;
        consumer.child.kill('SIGKILL');
        await consumer.ended;
        await expectClosed(dir, `kill ${kill} after ${delayMs} ms`);
      }
      expect(running).toBeGreaterThan(KILLS / 2);
      await catchUp(dir);
      const account = await verify(dir);
      expect(account).toMatchObject({ closed: true, inFlight: [] });
      expect(account.totals).toMatchObject({ pending: 0, unprocessed: 0 });
      await catchUp(undisturbed);
      expect(await contentsOf(dir)).toEqual(await contentsOf(undisturbed));
    },
  );
});
