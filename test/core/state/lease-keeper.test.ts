import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { KeystoneError } from '../../../src/core/errors.js';
import { keepLease } from '../../../src/core/state/lease-keeper.js';
import { openSqliteState } from '../../../src/core/state/sqlite-state.js';
import type { StateStore } from '../../../src/core/state/state-store.js';
import { systemEffects } from '../../support/effects.js';
import { tempDir } from '../../support/temp-dir.js';

it('tells once that renewing fails, tries again soon, and tells when it works', async () => {
  const { clock } = systemEffects();
  const sqlite = await openSqliteState({ path: path.join(await tempDir(), 'state.db'), clock });
  onTestFinished(() => sqlite.close());
  let isAway = true;
  let refused = 0;
  const state: StateStore = {
    ...sqlite,
    renewLease: async (...args) => {
      if (!isAway) return sqlite.renewLease(...args);
      refused += 1;
      throw new KeystoneError('KS_STATE', 'the state database does not answer', {});
    },
  };
  const notices: string[] = [];
  const keeper = await keepLease(state, clock, 'consume/t', 'me', 60_000, undefined, (text) => notices.push(text));
  if (!keeper) throw new Error('the lease is free');
  const token = keeper.hold();
  // Nothing is due yet: a third of a minute.
  expect(notices).toEqual([]);
  await keeper.release();

  const short = await keepLease(state, clock, 'consume/t', 'me', 3000, undefined, (text) => notices.push(text));
  await expect.poll(() => refused, { timeout: 30_000 }).toBeGreaterThanOrEqual(2);
  expect(notices).toEqual([
    expect.stringMatching(
      /^the state database does not answer; the lease "consume\/t" could not be renewed: work goes on for the \d+ s that it lasts/,
    ),
  ]);
  isAway = false;
  await expect.poll(() => notices.length, { timeout: 30_000 }).toBe(2);
  expect(notices[1]).toMatch(/^the lease "consume\/t" is renewed again after \d+\.\d s$/);
  expect(short?.hold()).toBeGreaterThan(token);
  await short?.release();
});
