/** The command line with its state in PostgreSQL: every command that keeps something beside the lake. */
import { existsSync } from 'node:fs';
import { cp, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPostgres, startPostgres, type PostgresServer } from '../services/postgres.js';
import { runCli, startCli } from '../support/cli-process.js';
import { appendEvents, smallProject } from '../support/small-project.js';

const bin = await installPostgres();

describe.skipIf(bin === null)('a project whose state is in PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(bin!);
  });
  afterAll(() => server?.remove());

  const project = async (events: number): Promise<string> => {
    const dir = await smallProject(events);
    await cp(path.resolve('templates/models'), path.join(dir, 'models'), { recursive: true });
    // The state's folder does not exist: with the state elsewhere, nothing but its users makes it.
    await writeFile(
      path.join(dir, 'keystone.yaml'),
      `version: 1
consume: { leaseTtl: 3s, flushInterval: 500ms }
profiles:
  local:
    state:
      adapter: postgres
      path: work/state.db
      postgres: { url: env:STATE_URL }
`,
    );
    return dir;
  };
  const json = async (args: readonly string[], cwd: string, env: Record<string, string>): Promise<Record<string, never>> => {
    const end = await runCli([...args, '--json'], { cwd, env });
    expect(end.code, end.stdout + end.stderr).toBe(0);
    return (JSON.parse(end.stdout) as { result: Record<string, never> }).result;
  };

  it('consumes, tells its runs and its lease, replays, and asks the doctor, with no state file', async () => {
    await server.sql('postgres', 'CREATE DATABASE whole');
    const env = { STATE_URL: server.url('whole') };
    const cwd = await project(30);
    const doctor = async (): Promise<string> => (await runCli(['doctor'], { cwd, env })).stdout;
    expect(await doctor()).toMatch(/whole on 127\.0\.0\.1:\d+ answers in \d+ ms, its tables are made by the first run/);
    await json(['consume', 'run', '--until-caught-up'], cwd, env);
    expect(await json(['consume', 'status'], cwd, env)).toMatchObject({
      lease: { kind: 'free' },
      pendingDerivation: 0,
      lastRuns: [{ command: 'consume run', status: 'succeeded' }],
    });
    await json(['ledger', 'verify', '--deep'], cwd, env);
    await json(['gold', 'run'], cwd, env);
    const replay = ['ingest', 'replay', 'topic', '--to-topic', 'again', '--rate', '10/s'];
    const stopped = startCli(replay, { cwd, env });
    const cursors = (): Promise<readonly string[]> => readdir(path.join(cwd, 'work', 'replay')).catch(() => []);
    for (let tries = 0; !(await cursors()).some((name) => name.endsWith('.json')) && tries < 100; tries += 1) await delay(50);
    stopped.child.kill('SIGINT');
    expect((await stopped.ended).code).not.toBe(0);
    expect(await cursors()).toHaveLength(1);
    await json([...replay, '--resume'], cwd, env);
    expect(await cursors()).toEqual([]);
    expect(await doctor()).toMatch(/schema 2, \d+ of 60 connections in use/);
    expect(existsSync(path.join(cwd, 'work', 'state.db'))).toBe(false);
    expect(await readdir(path.join(cwd, 'work'))).toContain('tmp');
  });

  it('says what is wrong when the database is away, without the password, and exits with 5', async () => {
    const cwd = await project(1);
    const env = { STATE_URL: `postgres://keeper:hush-Hush@127.0.0.1:1/whole` };
    const end = await runCli(['consume', 'run', '--until-caught-up', '--set', 'resilience.patience=1s'], { cwd, env });
    expect(end.code, end.stderr).toBe(5);
    expect(end.stderr).toContain('KS_STATE');
    expect(end.stderr).toContain('does not answer');
    expect(end.stderr + end.stdout).not.toContain('hush-Hush');
    const unset = await runCli(['consume', 'run', '--until-caught-up'], { cwd });
    expect(unset.code).toBe(4);
    expect(unset.stderr).toContain('STATE_URL');
  });

  it('says once that the database is away while it consumes, and that it is back', async () => {
    await server.sql('postgres', 'CREATE DATABASE shortly');
    const env = { STATE_URL: server.url('shortly') };
    const cwd = await project(20);
    const consumer = startCli(['consume', 'run', '--verbose', '--set', 'consume.leaseTtl=9s'], { cwd, env });
    const says = (text: RegExp): Promise<unknown> =>
      expect.poll(() => consumer.stderr(), { timeout: 120_000, interval: 100 }).toMatch(text);
    try {
      await says(/lease\.taken/);
      await server.stop('kill');
      await says(/the state database .* does not answer.*; the lease "consume\/\S+" could not be renewed: work goes on for/);
      await server.start();
      // On a slow machine it may have run out before the database was back.
      await says(/the lease "consume\/\S+" is renewed again after|going on after/);
      expect(consumer.stderr().match(/could not be renewed/g)).toHaveLength(1);
    } finally {
      consumer.child.kill('SIGINT');
    }
    expect((await consumer.ended).code).toBe(0);
  });

  it('consumes on when the database was away for longer than the lease lasts', async () => {
    await server.sql('postgres', 'CREATE DATABASE away');
    const env = { STATE_URL: server.url('away') };
    const cwd = await project(20);
    const consumer = startCli(['consume', 'run'], { cwd, env });
    try {
      const derived = async (): Promise<number> => {
        const rows = await json(['query', 'SELECT count(*) AS n FROM ledger.dispositions'], cwd, env).catch(() => null);
        return Number((rows as unknown as { rows?: readonly { n: number }[] } | null)?.rows?.[0]?.n ?? 0);
      };
      const reaches = async (events: number): Promise<void> => {
        for (let tries = 0; (await derived()) < events; tries += 1) {
          if (tries > 240 || consumer.child.exitCode !== null) throw new Error(consumer.stderr());
          await delay(500);
        }
      };
      await reaches(20);
      await server.stop('kill');
      await delay(6000);
      expect(consumer.child.exitCode).toBe(null);
      await appendEvents(cwd, 20);
      for (let tries = 0; !consumer.stderr().includes('waiting for it') && tries < 600; tries += 1) await delay(100);
      expect(consumer.stderr()).toContain('waiting for it');
      await server.start();
      await reaches(40);
    } finally {
      consumer.child.kill('SIGINT');
    }
    expect((await consumer.ended).code).toBe(0);
    await json(['ledger', 'verify', '--deep'], cwd, env);
  });
});
