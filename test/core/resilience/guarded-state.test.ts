import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { KeystoneError } from '../../../src/core/errors.js';
import { guardedState } from '../../../src/core/resilience/guarded-state.js';
import { openSqliteState } from '../../../src/core/state/sqlite-state.js';
import { systemEffects } from '../../support/effects.js';
import { tempDir } from '../../support/temp-dir.js';

it('renews a lease although the breaker is open: refused, it would be lost', async () => {
  const { clock } = systemEffects();
  const sqlite = await openSqliteState({ path: path.join(await tempDir(), 'state.db'), clock });
  onTestFinished(() => sqlite.close());
  const state = guardedState(sqlite, () => Promise.reject(new KeystoneError('KS_CIRCUIT_OPEN', 'it is open', {})));
  const lease = await sqlite.acquireLease('gold', 'me', 10_000);
  if (!lease) throw new Error('it is free');
  await expect(state.readLease('gold')).rejects.toMatchObject({ code: 'KS_CIRCUIT_OPEN' });
  expect(await state.renewLease(lease, 60_000)).toMatchObject({ holder: 'me', fencingToken: lease.fencingToken });
});
