/** A log that was made anew under the same name is noticed, whatever its length: no event of it is skipped, and none is mixed in. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DoctorReport } from '../../src/core/doctor/run-doctor.js';
import type { Lag } from '../../src/core/lag/measure-lag.js';
import { landedLogIds } from '../../src/core/bronze/log-identity.js';
import { isBuilt, runCli } from '../support/cli-process.js';
import { appendMixed, catchUp, CAUGHT_UP, openLake, verify, violentProject } from '../support/violent-project.js';

const moveLog = async (dir: string, from: string, to: string): Promise<void> => {
  await mkdir(path.join(dir, to), { recursive: true });
  for (const name of await readdir(path.join(dir, from)))
    if (name.startsWith('log.db')) await rename(path.join(dir, from, name), path.join(dir, to, name));
};

const refusal = async (dir: string, args: readonly string[] = CAUGHT_UP) => {
  const { code, stdout } = await runCli(['consume', 'run', ...args], { cwd: dir });
  const { error } = JSON.parse(stdout) as { readonly error?: { readonly code: string; readonly hint: string } };
  return { exit: code, ...error };
};

describe.skipIf(!isBuilt())('a recreated log (needs npm run build)', { timeout: 120_000 }, () => {
  it('is refused and reported although it has outgrown the old one, until the old one is back', async () => {
    const dir = await violentProject({ events: 60, seed: 31 });
    await catchUp(dir);
    await moveLog(dir, '.keystone', 'old');
    await appendMixed(dir, { events: 200, seed: 32, prefix: 'anew-' });

    const refused = await refusal(dir);
    expect(refused).toMatchObject({ exit: 3, code: 'KS_LOG_RECREATED' });
    expect(refused.hint).toMatch(/old log file back.*--set store\.path/);
    const account = await verify(dir, []);
    expect(account.closed).toBe(false);
    expect(account.breaks.map(({ kind, count }) => ({ kind, count }))).toEqual([{ kind: 'log-recreated', count: 60 }]);
    const lag = JSON.parse((await runCli(['lag', 'show', '--json'], { cwd: dir })).stdout) as { result: Lag };
    expect(new Set(lag.result.partitions.map(({ condition }) => condition))).toEqual(new Set(['recreated']));
    const doctor = JSON.parse((await runCli(['doctor', '--json'], { cwd: dir })).stdout) as { result: DoctorReport };
    expect(doctor.result.checks.find(({ check }) => check === 'log')).toMatchObject({
      status: 'failed',
      code: 'KS_LOG_RECREATED',
    });

    const anew = await runCli(['consume', 'run', ...CAUGHT_UP, '--set', 'store.path=anew'], { cwd: dir });
    expect(anew.code, anew.stdout + anew.stderr).toBe(0);
    expect(JSON.parse(anew.stdout)).toMatchObject({ result: { landed: 200 } });

    for (const name of await readdir(path.join(dir, '.keystone')))
      if (name.startsWith('log.db')) await rm(path.join(dir, '.keystone', name));
    await moveLog(dir, 'old', '.keystone');
    await appendMixed(dir, { events: 10, seed: 33, prefix: 'more-' });
    await catchUp(dir);
    expect(await verify(dir)).toMatchObject({ closed: true, totals: { bronze: 70 } });
  });

  it('is refused when it does not exist while the lake holds events of it, also while another consumer holds the lease', async () => {
    const dir = await violentProject({ events: 30, seed: 34 });
    await catchUp(dir);
    await moveLog(dir, '.keystone', 'old');
    const lake = await openLake(dir);
    await (await lake.state()).acquireLease('consume/olist-enterprise-events', 'other', 60_000);
    await lake.close();
    const doctor = JSON.parse((await runCli(['doctor', '--json'], { cwd: dir })).stdout) as { result: DoctorReport };
    expect(doctor.result.checks.find(({ check }) => check === 'log')).toMatchObject({
      status: 'failed',
      code: 'KS_LOG_RECREATED',
    });
    expect(await readdir(path.join(dir, '.keystone'))).not.toContain('log.db');
    expect(await refusal(dir)).toMatchObject({ exit: 3, code: 'KS_LOG_RECREATED' });
    // The refused run made no topic that would pass for the real one.
    const after = await openLake(dir);
    expect(await (await after.log()).bounds('olist-enterprise-events')).toEqual([]);
    await after.close();
  });

  it('is known by the identity that bronze recorded; a lake without one is not judged', async () => {
    const dir = await violentProject({ events: 30, seed: 35 });
    await catchUp(dir);
    const lake = await openLake(dir);
    const bronze = await (await lake.table('bronze.events'))?.state();
    const id = await (await lake.log()).topicId('olist-enterprise-events');
    await lake.close();
    if (!bronze) throw new Error('no bronze');
    expect(landedLogIds(bronze)).toEqual({ 'olist-enterprise-events': id });
    expect(landedLogIds({ ...bronze, currentSnapshot: null })).toEqual({});
  });
});
