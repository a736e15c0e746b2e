/** A consumer that is suspended past its lease's end and wakes up after another one took over commits nothing. */
import { describe, expect, it } from 'vitest';
import { isBuilt } from '../support/cli-process.js';
import {
  CAUGHT_UP,
  catchUp,
  contentsOf,
  copyOf,
  expectClosed,
  lakeFiles,
  pause,
  snapshotsOf,
  startConsumer,
  suspendUnlocked,
  violentProject,
} from '../support/violent-project.js';

const SOAK = process.env['KEYSTONE_SOAK'] === '1';
/** About how many milliseconds after the first Parquet file is there: at once lies in the landing, the others in derivation and between commits. */
const MOMENTS = SOAK ? Array.from({ length: 40 }, (_, n) => n * 25) : [0, 120, 300];

describe.skipIf(!isBuilt())('a suspended consumer (needs npm run build)', () => {
  it('commits nothing after another one took over, says so and ends well', { timeout: 600_000 }, async () => {
    const filled = await violentProject({ events: 400, seed: 3 }, 25);
    const undisturbed = await copyOf(filled);
    await catchUp(undisturbed);
    const expected = await contentsOf(undisturbed);
    let surprised = 0;
    for (const moment of MOMENTS) {
      const dir = await copyOf(filled);
      const zombie = startConsumer(dir, CAUGHT_UP);
      await expect
        .poll(async () => (await lakeFiles(dir)).some((file) => file.endsWith('.parquet')), { interval: 5, timeout: 30_000 })
        .toBe(true);
      await pause(moment);
      expect(await suspendUnlocked(zombie, dir), `it had ended ${moment} ms after its first file`).toBe(true);
      await catchUp(dir);
      await expectClosed(dir, `taken over from a consumer suspended after ${moment} ms`);
      const before = await snapshotsOf(dir);
      zombie.child.kill('SIGCONT');
      const end = await zombie.ended;
      expect(end, end.stderr).toMatchObject({ code: 0 });
      if (/ran out or was taken over|starting again from the tables/.test(end.stderr)) surprised += 1;
      expect(await snapshotsOf(dir), `suspended after ${moment} ms`).toEqual(before);
      await expectClosed(dir, `woken up after ${moment} ms`);
      expect(await contentsOf(dir)).toEqual(expected);
    }
    expect(surprised).toBeGreaterThan(0);
  });
});
