import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSqliteState } from '../../../src/core/state/sqlite-state.js';
import { openSqliteFile } from '../../../src/core/sqlite/sqlite-file.js';
import { systemEffects } from '../../support/effects.js';
import { tempDir } from '../../support/temp-dir.js';
import { handClock, stateStoreContract } from './state-store.contract.js';

stateStoreContract('sqlite', async () => {
  const file = path.join(await tempDir(), 'missing', 'state.db');
  return async (clock) => {
    const state = await openSqliteState({ path: file, clock });
    onTestFinished(() => state.close());
    return state;
  };
});

describe('sqlite state store', () => {
  it('survives that several processes create it and fight for one lease at once', async () => {
    const dir = await tempDir();
    const file = path.join(dir, 'state.db');
    const adapter = path.resolve('dist/core/state/sqlite-state.js');
    const script = path.join(dir, 'fight.mjs');
    await writeFile(
      script,
      `import { openSqliteState } from ${JSON.stringify(pathToFileURL(adapter).href)};
       const state = await openSqliteState({ path: ${JSON.stringify(file)}, clock: { nowMs: () => Date.now() } });
       let won = 0;
       for (let n = 0; n < 50; n++) if (await state.acquireLease('round-' + n, 'p' + process.pid, 60000)) won++;
       await state.saveRun({ id: 'p' + process.pid, command: 'fight', status: 'succeeded', startedAtMs: 1, endedAtMs: 2, detail: won });
       await state.close();`,
    );
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number));
    expect(codes).toEqual([0, 0, 0, 0]);
    const state = await openSqliteState({ path: file, clock: systemEffects().clock });
    onTestFinished(() => state.close());
    const runs = await state.listRuns({ limit: 10 });
    expect(runs).toHaveLength(4);
    expect(runs.reduce((sum, { detail }) => sum + (detail as number), 0)).toBe(50);
  });

  it('gives higher tokens than before when the file was lost and is made anew', async () => {
    const dir = await tempDir();
    const clock = handClock();
    const before = await openSqliteState({ path: path.join(dir, 'state.db'), clock });
    const lease = (await before.acquireLease('l', 'a', 10))!;
    await before.close();
    clock.advance(1000);
    const after = await openSqliteState({ path: path.join(dir, 'anew.db'), clock });
    onTestFinished(() => after.close());
    expect((await after.acquireLease('l', 'a', 10))!.fencingToken).toBeGreaterThan(lease.fencingToken);
  });

  it('names the file and what to do when it is none of ours', async () => {
    const file = path.join(await tempDir(), 'state.db');
    await writeFile(file, 'this is no database, it is a text of some length'.repeat(50));
    await expect(openSqliteState({ path: file, clock: handClock() })).rejects.toMatchObject({
      code: 'KS_STATE',
      message: expect.stringContaining(file),
      hint: expect.any(String),
    });
  });

  it('brings a file of the first version up, with what it held', async () => {
    const file = path.join(await tempDir(), 'state.db');
    const sqlite = openSqliteFile(file, { busyTimeoutMs: 100 });
    sqlite.exec(`
      CREATE TABLE leases (
        name TEXT PRIMARY KEY, holder TEXT, fencing_token INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE runs (
        id TEXT PRIMARY KEY, command TEXT NOT NULL, status TEXT NOT NULL,
        started_at_ms INTEGER NOT NULL, ended_at_ms INTEGER, detail TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      INSERT INTO leases VALUES ('l', 'a', 41, 2000000);
      INSERT INTO runs VALUES ('r1', 'gold run', 'succeeded', 1, 2, '{"rows":3}')`);
    sqlite.pragma('user_version=1');
    sqlite.close();
    const state = await openSqliteState({ path: file, clock: handClock() });
    onTestFinished(() => state.close());
    expect(await state.readLease('l')).toEqual({ name: 'l', holder: 'a', fencingToken: 41, expiresAtMs: 2_000_000 });
    expect(await state.listRuns({ limit: 9 })).toEqual([
      { id: 'r1', command: 'gold run', status: 'succeeded', startedAtMs: 1, endedAtMs: 2, detail: { rows: 3 } },
    ]);
    expect(await state.swapBreaker({ name: 'b', version: 0, state: 1 })).toBe(true);
  });

  it('refuses a file that a newer version wrote', async () => {
    const file = path.join(await tempDir(), 'state.db');
    const sqlite = openSqliteFile(file, { busyTimeoutMs: 100 });
    sqlite.pragma('user_version=99');
    sqlite.close();
    await expect(openSqliteState({ path: file, clock: handClock() })).rejects.toMatchObject({
      code: 'KS_STATE',
      hint: 'Update Keystone.',
    });
  });
});
