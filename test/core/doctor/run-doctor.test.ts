import { appendFile, chmod, cp, readdir, rename, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../../src/core/config/load-config.js';
import { diskChecks } from '../../../src/core/doctor/disk-checks.js';
import { nodeCheck } from '../../../src/core/doctor/machine-checks.js';
import { runDoctor, type DoctorReport } from '../../../src/core/doctor/run-doctor.js';
import { initProject } from '../../../src/core/init/init-project.js';
import { systemEffects } from '../../support/effects.js';
import { putSilver, silverLake } from '../../support/silver-lake.js';
import { tempDir } from '../../support/temp-dir.js';

const doctor = (
  cwd: string,
  set: readonly string[] = ['ingest.port=0'],
  env: Record<string, string> = {},
): Promise<DoctorReport> =>
  runDoctor({ effects: systemEffects(), nodeVersion: 'v20.20.2', env, project: () => loadConfig({ cwd, env, set }) });
const find = (report: DoctorReport, check: string) => report.checks.find((candidate) => candidate.check === check);

describe('runDoctor', () => {
  it('finds a new project sound and leaves nothing behind', async () => {
    const dir = await tempDir();
    await initProject({ dir });
    const before = await readdir(dir);
    const report = await doctor(dir);
    expect(report.checks.filter((check) => check.status === 'failed')).toEqual([]);
    expect(report.exitCode).toBe(0);
    expect(await readdir(dir)).toEqual(before);
  });

  it('still looks at the machine where there is no project', async () => {
    const report = await doctor(await tempDir());
    expect(report.exitCode).toBe(4);
    expect(find(report, 'configuration')).toMatchObject({
      status: 'failed',
      code: 'KS_NO_PROJECT',
      fix: expect.stringContaining('keystone init'),
    });
    expect(find(report, 'node')?.status).toBe('ok');
  });

  it('names a contract that is broken, an unknown variable, and goes on', async () => {
    const dir = await tempDir();
    await initProject({ dir });
    await appendFile(path.join(dir, 'contracts', 'orders.odcs.yaml'), 'x\n');
    const report = await doctor(dir, ['ingest.port=0'], { KEYSTONE_INGEST_PROT: '1' });
    expect(find(report, 'contracts')).toMatchObject({ status: 'failed', code: 'KS_CONTRACT' });
    expect(find(report, 'environment')).toMatchObject({ status: 'warning', found: 'unknown: KEYSTONE_INGEST_PROT' });
    expect(find(report, 'tables')?.status).toBe('ok');
    expect(report.exitCode).toBe(4);
  });

  it('says where a lake that was moved or copied must go back to', async () => {
    const made = await silverLake({}, undefined, 'made');
    await putSilver(
      made,
      'orders',
      "SELECT 'o1' AS order_id, 'c1' AS customer_id, TIMESTAMP '2017-10-02 10:56:33' AS order_purchase_timestamp",
    );
    const home = made.config.projectDir;
    await initProject({ dir: home });
    const there = path.join(await tempDir(), "it's there");
    await cp(home, there, { recursive: true });
    const copied = await doctor(there);
    expect(find(copied, 'tables')).toMatchObject({
      status: 'failed',
      code: 'KS_STORE',
      fix: expect.stringContaining(`work in ${home},`),
    });
    expect(copied.exitCode).toBe(5);
    await rm(home, { recursive: true });
    expect(find(await doctor(there), 'tables')?.fix).toBe(
      `keystone table relocate makes it readable here; to move it back: mv '${there.replace("'", "'\\''")}' ${home}`,
    );
    await rename(there, home);
    expect(find(await doctor(home), 'tables')?.status).toBe('ok');
  });

  it('fails when another program holds the port', async () => {
    const dir = await tempDir();
    await initProject({ dir });
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const report = await doctor(dir, [`ingest.port=${(server.address() as AddressInfo).port}`]);
    expect(find(report, 'ingest port')).toMatchObject({ status: 'failed', code: 'KS_PORT_IN_USE' });
    expect(report.exitCode).toBe(5);
  });
});

describe('diskChecks', () => {
  it.skipIf(process.getuid?.() === 0)('fails where nothing may be written, and skips what needs it', async () => {
    const dir = await tempDir();
    await chmod(dir, 0o500);
    const checks = await diskChecks('lake', path.join(dir, 'lake'), systemEffects());
    expect(checks.map((check) => check.status)).toEqual(['failed', 'skipped', 'skipped', 'skipped']);
  });

  it('warns of a disk whose clock is another', async () => {
    const slow = systemEffects();
    const effects = { ...slow, clock: { ...slow.clock, nowMs: () => slow.clock.nowMs() - 60_000 } };
    const checks = await diskChecks('lake', await tempDir(), effects);
    expect(checks.find((check) => check.check === 'lake clock')).toMatchObject({
      status: 'warning',
      found: expect.stringContaining('ahead'),
    });
  });
});

describe('nodeCheck', () => {
  it('accepts ^20.19.0 and >=22.12.0', () => {
    const verdict = (version: string): string => nodeCheck(version).status;
    expect(['v20.19.0', 'v20.20.2', 'v22.12.0', 'v24.1.0'].map(verdict)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(['v18.20.0', 'v20.18.3', 'v21.7.0', 'v22.11.0'].map(verdict)).toEqual(['failed', 'failed', 'failed', 'failed']);
  });
});
