import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Clock } from '../../src/core/clock.js';
import { readPostgresUrl } from '../../src/core/state/postgres-address.js';
import { openPostgresConnections } from '../../src/core/state/postgres-connections.js';
import { POSTGRES_SCHEMA_VERSION } from '../../src/core/state/postgres-schema.js';
import { keepLease } from '../../src/core/state/lease-keeper.js';
import { openPostgresState, type PostgresStateOptions } from '../../src/core/state/postgres-state.js';
import type { StateStore } from '../../src/core/state/state-store.js';
import { stateStoreContract } from '../core/state/state-store.contract.js';
import {
  installPgBouncer,
  installPostgres,
  startPgBouncer,
  startPostgres,
  type PgBouncer,
  type PostgresServer,
} from '../services/postgres.js';
import { makeAuthority, type Authority } from '../support/certificates.js';
import { systemEffects } from '../support/effects.js';
import { tempDir } from '../support/temp-dir.js';

const run = promisify(execFile);
const { clock, randomBytes } = systemEffects();
const bin = await installPostgres();
const bouncerProgram = bin === null ? null : await installPgBouncer();
if (bin === null) process.stderr.write('Skipped: PostgreSQL is neither here nor to be installed.\n');
else if (bouncerProgram === null) process.stderr.write('Skipped: PgBouncer is neither here nor to be installed.\n');

let server: PostgresServer;
let bouncer: PgBouncer;
beforeAll(async () => {
  if (bin === null) return;
  server = await startPostgres(bin);
  if (bouncerProgram !== null) bouncer = await startPgBouncer(bouncerProgram, server);
});
afterAll(async () => {
  await bouncer?.remove();
  await server?.remove();
});

let made = 0;
/** The name of a fresh database. */
async function freshDatabase(): Promise<string> {
  const name = `test_${(made += 1)}`;
  await server.sql('postgres', `CREATE DATABASE ${name}`);
  return name;
}

async function openState(url: string, more: Partial<PostgresStateOptions> = {}): Promise<StateStore> {
  const state = await openPostgresState({
    url,
    projectDir: '/',
    schema: 'keystone',
    poolSize: 3,
    statementTimeoutMs: 5000,
    clock,
    randomBytes,
    ...more,
  });
  onTestFinished(() => state.close());
  return state;
}

/**
 * A database whose now() stands where the test's clock stands: the contract moves time by hand, and the adapter knows the database's
 * time only. A schema before pg_catalog in the database's search path takes the place of the function.
 */
const withHandTime = (urlOf: (database: string) => string) => async (): Promise<(clock: Clock) => Promise<StateStore>> => {
  const name = await freshDatabase();
  await server.sql(
    name,
    'CREATE SCHEMA hand',
    'CREATE TABLE hand.clock (now_ms bigint NOT NULL)',
    'INSERT INTO hand.clock VALUES (0)',
    "CREATE FUNCTION hand.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT to_timestamp(now_ms / 1000.0) FROM hand.clock'",
    `ALTER DATABASE ${name} SET search_path = hand, pg_catalog, public`,
  );
  let setMs = 0;
  let set: Promise<unknown> = Promise.resolve();
  return async (hand) => {
    const state = await openState(urlOf(name), { clock: hand });
    const timed =
      <Given extends readonly unknown[], T>(method: (...given: Given) => Promise<T>) =>
      async (...given: Given): Promise<T> => {
        if (setMs !== hand.nowMs()) {
          setMs = hand.nowMs();
          set = server.sql(name, `UPDATE hand.clock SET now_ms = ${setMs}`);
        }
        await set;
        return method(...given);
      };
    return {
      ...state,
      acquireLease: timed(state.acquireLease),
      renewLease: timed(state.renewLease),
      releaseLease: timed(state.releaseLease),
      readLease: timed(state.readLease),
    };
  };
};

describe.skipIf(bin === null)('PostgreSQL', () => {
  stateStoreContract(
    'postgres',
    withHandTime((name) => server.url(name)),
  );

  describe.skipIf(bouncerProgram === null)('behind PgBouncer in transaction mode', () => {
    stateStoreContract(
      'postgres behind a transaction-mode pooler',
      withHandTime((name) => bouncer.url(name)),
    );
  });
});

describe.skipIf(bin === null)('state in PostgreSQL', () => {
  let database: string;
  beforeEach(async () => {
    database = await freshDatabase();
  });

  /** Runs `body` (with `state` open) in its own process; resolves to its exit code and what it printed. */
  async function inProcess(url: string, body: string): Promise<{ readonly code: number | null; readonly out: string }> {
    const adapter = pathToFileURL(path.resolve('dist/core/state/postgres-state.js')).href;
    const script = path.join(await tempDir(), 'process.mjs');
    await writeFile(
      script,
      `import { openPostgresState } from ${JSON.stringify(adapter)};
       const clock = { nowMs: () => Date.now(), sleep: (ms) => new Promise((done) => setTimeout(done, ms)) };
       const state = await openPostgresState({ url: process.env.STATE_URL, projectDir: '/', schema: 'keystone', poolSize: 3,
         statementTimeoutMs: 5000, clock, randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)) });
       ${body}
       await state.close();`,
    );
    const child = spawn(process.execPath, [script], {
      env: { ...process.env, STATE_URL: url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out };
  }

  it('is made once by processes that start at once, and gives each of 200 leases to one of two that race', async () => {
    const race = `let won = 0; const tokens = [];
      for (let n = 0; n < 200; n++) { const lease = await state.acquireLease('round-' + n, 'p' + process.pid, 60000); if (lease) { won++; tokens.push(lease.fencingToken); } }
      console.log(JSON.stringify({ won, tokens }));`;
    const ends = await Promise.all([race, race].map((body) => inProcess(server.url(database), body)));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    const results = ends.map(({ out }) => JSON.parse(out) as { readonly won: number; readonly tokens: readonly number[] });
    expect(results.reduce((sum, { won }) => sum + won, 0)).toBe(200);
    expect(await server.sql(database, 'SELECT version FROM keystone.schema_version')).toBe(String(POSTGRES_SCHEMA_VERSION));
  });

  it('hands one lease to and fro between two processes 200 times: every hold under a higher token, never two at once', async () => {
    await server.sql(database, 'CREATE TABLE held (n serial, token bigint, holder int, begins bool)');
    const fight = `const pg = (await import(${JSON.stringify(pathToFileURL(path.resolve('node_modules/pg/esm/index.mjs')).href)})).default;
      const client = new pg.Client({ connectionString: process.env.STATE_URL }); await client.connect();
      const note = (token, begins) => client.query('INSERT INTO held (token, holder, begins) VALUES ($1, $2, $3)', [token, process.pid, begins]);
      for (let held = 0; held < 100; ) {
        const lease = await state.acquireLease('one', 'p' + process.pid, 60000);
        if (!lease) continue;
        await note(lease.fencingToken, true); await note(lease.fencingToken, false); held++;
        await state.releaseLease(lease);
      }
      await client.end();`;
    const ends = await Promise.all([fight, fight].map((body) => inProcess(server.url(database), body)));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    const rows = (await server.sql(database, 'SELECT token, begins FROM held ORDER BY n')).split('\n');
    expect(rows).toHaveLength(400);
    const tokens: number[] = [];
    for (let at = 0; at < rows.length; at += 2) {
      const [token, begins] = rows[at]!.split('|');
      expect(begins).toBe('t');
      expect(rows[at + 1]).toBe(`${token}|f`);
      tokens.push(Number(token));
    }
    expect(tokens.every((token, at) => at === 0 || token > tokens[at - 1]!)).toBe(true);
  });

  it("ends a lease by the database's clock, whatever the holders' clocks say", async () => {
    const off = (ms: number): Clock => ({ ...clock, nowMs: () => clock.nowMs() + ms });
    const slow = await openState(server.url(database), { clock: off(-3_600_000) });
    const fast = await openState(server.url(database), { clock: off(3_600_000) });
    const lease = (await slow.acquireLease('l', 'slow', 1500))!;
    expect(lease.expiresAtMs).toBeLessThanOrEqual(clock.nowMs() - 3_600_000 + 1500);
    expect(await fast.acquireLease('l', 'fast', 1500)).toBeNull();
    const seen = (await fast.readLease('l'))!;
    expect(Math.abs(seen.expiresAtMs - 3_600_000 - (lease.expiresAtMs + 3_600_000))).toBeLessThan(500);
    expect(await fast.readLease('l')).toEqual(seen);
    expect(Math.abs(lease.fencingToken - clock.nowMs())).toBeLessThan(60_000);
    await delay(1600);
    const next = (await fast.acquireLease('l', 'fast', 1500))!;
    expect(next.fencingToken).toBe(lease.fencingToken + 1);
    // The zombie learns it, by its token alone.
    expect(await slow.renewLease(lease, 1500)).toBeNull();
    await slow.releaseLease(lease);
    expect(await fast.renewLease(next, 1500)).toMatchObject({ fencingToken: next.fencingToken });
  });

  it.each([
    ['directly', () => server.url(database)],
    ...(bouncerProgram === null ? [] : [['through a pooler', () => bouncer.url(database)] as const]),
  ] as const)('heals over restarts under load, %s: no run is lost, and a lease that lasts longer is kept', async (_, url) => {
    const state = await openState(url());
    const keeper = (await keepLease(state, clock, 'consume/t', 'me', 20_000))!;
    const token = keeper.hold();
    const refused: unknown[] = [];
    const saved: string[] = [];
    let isOver = false;
    const load = Array.from({ length: 4 }, async (_, worker) => {
      for (let n = 0; !isOver; n++) {
        const id = `w${worker}-${n}`;
        await state
          .saveRun({ id, command: 'load', status: 'succeeded', startedAtMs: n, endedAtMs: n, detail: { n } })
          .then(() => saved.push(id))
          .catch((error: unknown) => refused.push(error));
      }
    });
    try {
      for (const how of ['fast', 'kill'] as const) {
        await delay(400);
        await server.stop(how);
        await delay(200);
        await server.start();
        const before = saved.length;
        // A pooler lets its next login wait.
        await expect.poll(() => saved.length, { timeout: 15_000 }).toBeGreaterThan(before + 10);
      }
    } finally {
      isOver = true;
      await Promise.all(load);
    }
    expect(keeper.hold()).toBe(token);
    expect(await state.renewLease((await state.readLease('consume/t'))!, 20_000)).toMatchObject({ fencingToken: token });
    await keeper.release();
    for (const error of refused) expect(error).toMatchObject({ code: 'KS_STATE', hint: expect.any(String) });
    const kept = new Set((await state.listRuns({ command: 'load', limit: 1e6 })).map(({ id }) => id));
    expect(saved.filter((id) => !kept.has(id))).toEqual([]);
  });

  it('lets a holder that cannot renew lose in time, before another can have the lease', async () => {
    const mine = await openState(server.url(database), { statementTimeoutMs: 1000 });
    const keeper = (await keepLease(mine, clock, 'l', 'me', 2000))!;
    await delay(1000);
    keeper.hold();
    await server.suspend(true);
    try {
      await delay(2100);
      expect(() => keeper.hold()).toThrow(expect.objectContaining({ code: 'KS_LEASE_LOST' }));
      const failure = await mine.readLease('l').catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'KS_STATE', message: expect.stringContaining('does not answer') });
    } finally {
      await server.suspend(false);
    }
    await keeper.release();
    const other = await openState(server.url(database));
    expect(await other.acquireLease('l', 'other', 1000)).not.toBeNull();
  });

  it('waits for a lock no longer than its timeout', async () => {
    const state = await openState(server.url(database));
    const lease = (await state.acquireLease('l', 'me', 60_000))!;
    const stuck = run('psql', [
      '-X',
      server.url(database),
      '-c',
      'BEGIN',
      '-c',
      'SELECT * FROM keystone.leases FOR UPDATE',
      '-c',
      'SELECT pg_sleep(3)',
    ]);
    const asleep = `SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3)'`;
    await expect
      .poll(async () => (await run('psql', ['-X', '-At', server.url(database), '-c', asleep])).stdout.trim(), { timeout: 30_000 })
      .toBe('1');
    const short = await openState(server.url(database), { statementTimeoutMs: 300 });
    await expect(short.renewLease(lease, 600)).rejects.toMatchObject({
      code: 'KS_STATE',
      message: expect.stringContaining('took longer than its timeout'),
    });
    await stuck;
    expect(await short.renewLease(lease, 1000)).toMatchObject({ fencingToken: lease.fencingToken });
  });

  it('takes the locks from a process that is suspended in the middle of a transaction', async () => {
    const state = await openState(server.url(database));
    await state.acquireLease('l', 'me', 1);
    const connections = openPostgresConnections(await readPostgresUrl(server.url(database), '/'), 1);
    onTestFinished(() => connections.close());
    let isLocked = (): void => undefined;
    const locked = new Promise<void>((resolve) => (isLocked = resolve));
    const suspended = connections
      .transact(60_000, async (trx) => {
        await trx.withSchema('keystone').updateTable('leases').set({ holder: 'zombie' }).execute();
        isLocked();
        await delay(8000);
        await trx.withSchema('keystone').selectFrom('leases').selectAll().execute();
      })
      .catch((error: unknown) => error);
    await locked;
    const patient = await openState(server.url(database), { statementTimeoutMs: 7000 });
    expect(await patient.acquireLease('l', 'other', 10_000)).toMatchObject({ holder: 'other' });
    expect(await suspended).toBeInstanceOf(Error);
    expect(await state.readLease('l')).toMatchObject({ holder: 'other' });
    await connections.transact(1000, async (trx) => trx.withSchema('keystone').selectFrom('leases').selectAll().execute());
  });

  it('refuses what a newer version brought up, and leaves it as it is', async () => {
    await (await openState(server.url(database))).close().catch(() => undefined);
    await server.sql(database, 'UPDATE keystone.schema_version SET version = 99');
    await expect(openState(server.url(database))).rejects.toMatchObject({ code: 'KS_STATE', hint: 'Update Keystone.' });
    expect(await server.sql(database, 'SELECT version FROM keystone.schema_version')).toBe('99');
  });

  it('keeps two projects apart by their schemas', async () => {
    const one = await openState(server.url(database), { schema: 'one' });
    const two = await openState(server.url(database), { schema: 'Two_2' });
    expect(await one.acquireLease('gold', 'a', 60_000)).not.toBeNull();
    expect(await two.acquireLease('gold', 'b', 60_000)).not.toBeNull();
  });

  it('works for a user who may only use the schema', async () => {
    await (await openState(server.url(database))).listRuns({ limit: 1 });
    const user = `poor_${database}`;
    await server.sql(
      database,
      `CREATE USER ${user} PASSWORD 'x'`,
      `GRANT USAGE ON SCHEMA keystone TO ${user}`,
      `GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA keystone TO ${user}`,
    );
    const url = `postgres://${user}:x@127.0.0.1:${server.port}/${database}`;
    expect(await (await openState(url)).acquireLease('l', 'a', 1000)).not.toBeNull();
    await expect(openState(url, { schema: 'another' })).rejects.toMatchObject({
      code: 'KS_STATE',
      hint: expect.stringContaining('GRANT'),
    });
  });

  it('says what is wrong with the way to the database, and never the password', async () => {
    const secret = 'wr0ng-Secret';
    const cases: readonly (readonly [string, string])[] = [
      [`postgres://keeper:${secret}@127.0.0.1:${server.port}/${database}`, 'KS_CREDENTIALS'],
      [`postgres://keeper@127.0.0.1:${server.port}/${database}`, 'KS_CREDENTIALS'],
      [server.url('absent'), 'KS_STATE'],
      [server.url(database, '?sslmode=require'), 'KS_STATE'],
      [`postgres://keeper:${secret}@127.0.0.1:1/x?connect_timeout=1`, 'KS_STATE'],
      [`postgres://keeper:${secret}@no-such-host.invalid/x?sslmode=disable`, 'KS_STATE'],
      [`postgres://keeper:${secret}@127.0.0.1:notaport/x`, 'KS_CONFIG'],
      [`keeper:${secret}@127.0.0.1`, 'KS_CONFIG'],
    ];
    for (const [url, code] of cases) {
      const failure = (await openState(url).catch((error: unknown) => error)) as Error & { readonly hint?: string };
      expect(failure, url).toMatchObject({ code, hint: expect.any(String) });
      const shown = `${failure.stack} ${failure.hint} ${String((failure.cause as Error | undefined)?.stack)} ${JSON.stringify(failure)} ${JSON.stringify(failure.cause)}`;
      expect(shown).not.toContain(secret);
      expect(shown).not.toContain(server.password);
    }
  });
});

describe.skipIf(bin === null)('TLS to PostgreSQL', () => {
  let dir: string;
  let guarded: PostgresServer;
  let authority: Authority;
  beforeAll(async () => {
    if (bin === null) return;
    dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
    authority = await makeAuthority(dir, 'authority');
    await makeAuthority(dir, 'stranger');
    guarded = await startPostgres(bin, { tls: await authority.sign('database', { names: ['localhost'] }) });
  });
  afterAll(async () => {
    await guarded?.remove();
    if (dir) await rm(dir, { recursive: true, force: true });
  });
  const at = (host: string, parameters: string): string => guarded.url('postgres', parameters).replace('127.0.0.1', host);
  const own = 'sslrootcert=authority.pem';

  it.each([
    ['localhost', `?sslmode=verify-full&${own}`],
    ['127.0.0.1', `?sslmode=verify-ca&${own}`],
    ['127.0.0.1', '?sslmode=require'],
    ['127.0.0.1', `?sslmode=require&${own}`],
  ])('is spoken with %s%s', async (host, parameters) => {
    const state = await openState(at(host, `${parameters}&application_name=guarded`), { projectDir: dir });
    expect(await state.listRuns({ limit: 1 })).toEqual([]);
    const seen = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'guarded'";
    expect(await guarded.sql('postgres', seen)).toBe('t');
  });

  it.each([
    ['127.0.0.1', `?sslmode=verify-full&${own}`],
    ['localhost', '?sslmode=verify-full'],
    ['localhost', '?sslmode=verify-ca'],
    ['localhost', '?sslmode=verify-full&sslrootcert=stranger.pem'],
    ['localhost', '?sslmode=require&sslrootcert=stranger.pem'],
  ])('is refused with %s%s: the certificate is not trusted', async (host, parameters) => {
    await expect(openState(at(host, parameters), { projectDir: dir })).rejects.toMatchObject({
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('not trusted'),
      hint: expect.stringContaining('sslrootcert'),
    });
  });

  it('is refused to a server whose certificate has expired', async () => {
    const expired = await startPostgres(bin!, { tls: await authority.sign('old', { names: ['localhost'], days: -1 }) });
    onTestFinished(() => expired.remove());
    const url = expired.url('postgres', `?sslmode=verify-full&${own}`).replace('127.0.0.1', 'localhost');
    await expect(openState(url, { projectDir: dir })).rejects.toMatchObject({
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('expired'),
    });
  });
});
