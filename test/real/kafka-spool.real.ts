/** An ingest server whose broker goes away: what it acknowledged is in bronze once, whoever is killed. */
import { spawn } from 'node:child_process';

import { appendFile, cp, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isBuilt, runCli, startCli, type CliProcess } from '../support/cli-process.js';
import { openSlot } from '../../src/core/spool/spool-slot.js';
import type { Trace } from '../../src/core/trace/run-trace.js';
import { tempDir } from '../support/temp-dir.js';
import { openLake, pause, verify } from '../support/violent-project.js';
import { freshTopic, hasKafka, kafkaServer, openLog } from './kafka-server.js';

const RECORDER = fileURLToPath(new URL('../support/recording-client.mjs', import.meta.url));

/** However loaded the machine is: what is waited for comes, or the test is stuck. */
const PATIENCE_MS = 240_000;
const TEST_MS = 3 * PATIENCE_MS;

interface Project {
  readonly dir: string;
  readonly topic: string;
}

async function project(brokers: string, more: { readonly spool?: string; readonly replication?: number } = {}): Promise<Project> {
  const dir = await tempDir();
  const topic = freshTopic('spool');
  await writeFile(
    path.join(dir, 'keystone.yaml'),
    `version: 1\ningest:\n  spool: { patience: 3s${more.spool ?? ''} }\nconsume: { flushInterval: 200ms }\nprofiles:\n  local:\n    log:\n      adapter: kafka\n      topic: ${topic}\n      partitions: 3\n      kafka: { brokers: "${brokers}", replication: ${more.replication ?? 1} }\n`,
  );
  await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
  return { dir, topic };
}

async function until(what: () => boolean | Promise<boolean>, saying: () => string = () => ''): Promise<void> {
  const untilMs = Date.now() + PATIENCE_MS;
  while (!(await what())) {
    if (Date.now() > untilMs) throw new Error(`it does not come: ${saying()}`);
    await pause(50);
  }
}

interface Server {
  readonly running: CliProcess;
  readonly address: string;
  readonly http: string;
  health(): Promise<{ readonly mode: string; readonly events: number; readonly bytes: number }>;
}

async function serve({ dir }: Project, args: readonly string[] = []): Promise<Server> {
  const running = startCli(['ingest', 'serve', '--json', '--port', '0', '--http-port', '0', ...args], { cwd: dir });
  onTestFinished(async () => {
    running.child.kill('SIGKILL');
    await running.ended;
  });
  await until(
    () => running.stderr().includes('"listening"'),
    () => running.stderr() + running.stdout(),
  );
  const address = /"address":"([^"]+)"/.exec(running.stderr())![1]!;
  const http = /"httpAddress":"([^"]+)"/.exec(running.stderr())![1]!;
  const health = async (): Promise<Awaited<ReturnType<Server['health']>>> =>
    ((await (await fetch(`http://${http}/healthz`)).json()) as { spool: Awaited<ReturnType<Server['health']>> }).spool;
  return { running, address, http, health };
}

async function stop(server: Server, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  server.running.child.kill(signal);
  await server.running.ended;
}

interface Load {
  answers(): Promise<{
    readonly log: readonly string[];
    readonly spooled: readonly string[];
    readonly refused: readonly string[];
  }>;
  stop(): Promise<void>;
}

async function load(address: string, sides = 8, pauseMs = 2): Promise<Load> {
  const file = path.join(await tempDir(), 'answers');
  await writeFile(file, '');
  const child = spawn(process.execPath, [RECORDER, address, file, String(sides), String(pauseMs)], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const answers: Load['answers'] = async () => {
    const lines = (await readFile(file, 'utf8')).split('\n').map((line) => line.split(' '));
    const of = (kind: string): string[] => lines.filter(([first]) => first === kind).map(([, second]) => second!);
    return { log: of('log'), spooled: of('spooled'), refused: of('refused') };
  };
  return {
    answers,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** Answers of a kind, over eight sides: each side has several. */
const ENOUGH = 100;
const answered = (load: Load, kind: 'log' | 'spooled' | 'refused', more: number): Promise<void> => {
  let from = -1;
  return until(async () => {
    const { length } = (await load.answers())[kind];
    if (from === -1) from = length;
    return length - from >= more;
  });
};

/** Builds the lake and compares what is in bronze with what was acknowledged, and in which order; several workers keep that of each only. */
async function proveAll({ dir }: Project, loads: readonly Load[], { inOrder = true } = {}): Promise<void> {
  const end = await runCli(['consume', 'run', '--until-caught-up', '--json'], { cwd: dir });
  expect(end, end.stderr).toMatchObject({ code: 0 });
  const lake = await openLake(dir);
  const { rows } = await (
    await lake.engine()
  ).query('SELECT event_id FROM bronze.events ORDER BY kafka_partition, kafka_offset', { maxRows: 10_000_000 });
  await lake.close();
  const times = new Map<string, number>();
  /** Of each side, the number of its request that came last. */
  const last = new Map<string, number>();
  const overtaken: string[] = [];
  for (const row of rows) {
    const id = String((row as { event_id: unknown }).event_id);
    times.set(id, (times.get(id) ?? 0) + 1);
    const [process, side, n] = id.split('-');
    if (Number(n) < (last.get(`${process}-${side}`) ?? 0)) overtaken.push(id);
    last.set(`${process}-${side}`, Number(n));
  }
  const acknowledged: string[] = [];
  for (const each of loads) {
    const { log, spooled } = await each.answers();
    acknowledged.push(...log, ...spooled);
  }
  expect(acknowledged.filter((id) => times.get(id) === undefined)).toEqual([]);
  expect([...times].filter(([, count]) => count !== 1)).toEqual([]);
  if (inOrder) expect(overtaken).toEqual([]);
  expect(await verify(dir)).toMatchObject({ closed: true });
}

const inLog = (server: Server): Promise<void> =>
  until(
    async () => (await server.health()).mode === 'log',
    () => server.running.stderr(),
  );

describe.skipIf(!hasKafka || !isBuilt())('an ingest server beside a broker (needs npm run build)', { timeout: TEST_MS }, () => {
  const kafka = kafkaServer();

  it('goes on while the broker is killed and away, tells so, and drains when it is back', async () => {
    const here = await project(kafka().brokers);
    const server = await serve(here);
    const running = await load(server.address);
    await answered(running, 'log', ENOUGH);
    await kafka().kill();
    await answered(running, 'spooled', 3 * ENOUGH);
    expect(await server.health()).toMatchObject({ mode: 'spooling' });
    expect((await server.health()).events).toBeGreaterThan(ENOUGH);
    expect((await fetch(`http://${server.http}/readyz`)).status).toBe(200);
    const posted = await fetch(`http://${server.http}/v1/events/orders`, {
      method: 'POST',
      body: '{"order_id":"posted"}',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'posted' },
    });
    expect(posted.status).toBe(200);
    expect(await posted.json()).toMatchObject({ receipts: [{ event_id: 'posted', offset: null, durability: 'spooled' }] });
    expect((await runCli(['ingest', 'spool', 'drain', '--dry-run'], { cwd: here.dir })).stderr).toMatch(
      /are in slots of servers at work/,
    );
    await kafka().start();
    await inLog(server);
    await answered(running, 'log', ENOUGH);
    await running.stop();
    expect((await running.answers()).refused).toEqual([]);
    expect(server.running.stderr()).toMatch(/"mode":"spooling"[^]*"mode":"draining"[^]*"mode":"log"/);
    await stop(server, 'SIGTERM');
    await proveAll(here, [running]);
  });

  it('takes up what it had spooled when it was killed while spooling and while draining', async () => {
    const here = await project(kafka().brokers);
    const first = await serve(here);
    const before = await load(first.address);
    await answered(before, 'log', ENOUGH);
    await kafka().kill();
    await answered(before, 'spooled', ENOUGH);
    await stop(first, 'SIGKILL');
    await before.stop();
    // The broker is still away: it starts all the same.
    const second = await serve(here);
    expect(await second.health()).toMatchObject({ mode: 'spooling' });
    const after = await load(second.address);
    // Enough for draining to last.
    await answered(after, 'spooled', 10 * ENOUGH);
    await kafka().start();
    await until(async () => /"mode":"draining"/.test(second.running.stderr()));
    await stop(second, 'SIGKILL');
    await after.stop();
    const third = await serve(here);
    await inLog(third);
    await stop(third, 'SIGTERM');
    await proveAll(here, [before, after]);
  });

  it('outlives a broker that stands still, and takes nothing twice that it had in hand', async () => {
    const here = await project(kafka().brokers);
    const server = await serve(here);
    const running = await load(server.address);
    await answered(running, 'log', ENOUGH);
    kafka().suspend(true);
    await answered(running, 'spooled', ENOUGH);
    kafka().suspend(false);
    await inLog(server);
    await answered(running, 'log', ENOUGH);
    await running.stop();
    await stop(server, 'SIGTERM');
    await proveAll(here, [running]);
  });

  it('with several workers: each has its own spool, and a killed one is followed', async () => {
    const here = await project(kafka().brokers);
    const server = await serve(here, ['--workers', '2']);
    const running = await load(server.address);
    await answered(running, 'log', ENOUGH);
    await kafka().kill();
    await answered(running, 'spooled', ENOUGH);
    const pids = (/"pids":\[([^\]]+)\]/.exec(server.running.stderr())![1] ?? '').split(',').map(Number);
    process.kill(pids[0]!, 'SIGKILL');
    await answered(running, 'spooled', ENOUGH);
    await kafka().start();
    await until(async () => (await spoolStatus(here)).events === 0);
    await answered(running, 'log', ENOUGH);
    await running.stop();
    await stop(server, 'SIGTERM');
    await proveAll(here, [running], { inOrder: false });
  });

  it('refuses when the spool is full, loses nothing, and takes events again', async () => {
    const here = await project(kafka().brokers, { spool: ', maxSize: 300KB' });
    const server = await serve(here);
    const running = await load(server.address);
    await answered(running, 'log', ENOUGH);
    await kafka().kill();
    await answered(running, 'refused', ENOUGH);
    expect(await server.health()).toMatchObject({ mode: 'full' });
    const refused = await fetch(`http://${server.http}/v1/events/orders`, {
      method: 'POST',
      // A small one may fit beside those that did not.
      body: JSON.stringify({ text: 'x'.repeat(100_000) }),
      headers: { 'content-type': 'application/json' },
    });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await refused.json()).toMatchObject({ detail: expect.stringMatching(/the spool is full/) as string });
    expect((await fetch(`http://${server.http}/readyz`)).status).toBe(503);
    await kafka().start();
    await inLog(server);
    await answered(running, 'log', ENOUGH);
    await running.stop();
    expect(new Set((await running.answers()).refused)).toEqual(new Set(['8']));
    await stop(server, 'SIGTERM');
    await proveAll(here, [running]);
  });

  it('whose topic was never seen says so instead of starting without a log', async () => {
    const here = await project('127.0.0.1:1');
    const end = await runCli(['ingest', 'serve', '--port', '0'], { cwd: here.dir });
    expect(end).toMatchObject({ code: 5, stderr: expect.stringMatching(/was never seen from here/) as string });
  });

  it('leaves what nobody has drained to a command', async () => {
    const here = await project(kafka().brokers);
    const server = await serve(here);
    const running = await load(server.address);
    await answered(running, 'log', ENOUGH);
    await kafka().kill();
    await answered(running, 'spooled', ENOUGH);
    await running.stop();
    await stop(server, 'SIGTERM');
    const { events } = await spoolStatus(here);
    expect(events).toBeGreaterThanOrEqual(ENOUGH);
    const spooled = (await running.answers()).spooled.at(-1)!;
    await knownWhileAway(here, events, spooled);
    await kafka().start();
    await knownBesideLog(here, events, spooled);
    // A server that was killed in the middle of a write.
    const slot = path.join(here.dir, '.keystone/spool/local', here.topic, 'slot-0');
    const newest = (await readdir(slot))
      .filter((name) => name.endsWith('.spool'))
      .toSorted()
      .at(-1)!;
    await appendFile(path.join(slot, newest), 'KSF1 torn');
    const drained = await runCli(['ingest', 'spool', 'drain', '--json'], { cwd: here.dir });
    expect(drained, drained.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(drained.stdout)).toMatchObject({ result: { drained: events, left: 0 } });
    expect((await spoolStatus(here)).events).toBe(0);
    const aside = path.join(slot, `${newest}.torn`);
    expect(await readFile(aside, 'utf8')).toBe('KSF1 torn');
    // It is told as long as it lies there.
    await rename(aside, path.join(here.dir, 'torn'));
    await proveAll(here, [running]);
    await knownAsDrained(here, spooled);
  });

  it('tells of events that a drain sent and did not mark, by the names of their batches', async () => {
    const here = await project(kafka().brokers);
    const server = await serve(here);
    const running = await load(server.address);
    await answered(running, 'log', ENOUGH);
    await kafka().kill();
    await answered(running, 'spooled', ENOUGH);
    await running.stop();
    await stop(server, 'SIGTERM');
    await kafka().start();
    const sent = await sendWithoutMark(here, kafka().brokers);
    const { events } = await spoolStatus(here);
    const quick = await account(here);
    expect(quick).toMatchObject({ closed: true, spool: { events, inLog: null } });
    expect(quick.spool!.inDoubt).toBe(sent.length);
    const deep = await account(here, '--deep');
    expect(deep.spool).toMatchObject({ events, inDoubt: sent.length, inLog: sent.length });
    // Once, though both have it.
    const traced = await traceOf(here, sent[0]!);
    expect(traced).toMatchObject({ total: 1, events: [{ log: { state: 'held' }, verdict: { waitsFor: 'bronze' } }] });
    expect(await runCli(['ingest', 'spool', 'drain'], { cwd: here.dir })).toMatchObject({ code: 0 });
    await proveAll(here, [running]);
  });
});

describe.skipIf(!hasKafka || !isBuilt())('an ingest server beside three brokers', { timeout: TEST_MS }, () => {
  const kafka = kafkaServer({ nodes: 3 });

  it('goes on while one of them is killed under load', async () => {
    const here = await project(kafka().brokers, { replication: 3 });
    const server = await serve(here);
    const running = await load(server.address);
    await answered(running, 'log', ENOUGH);
    for (const node of [0, 1, 2]) {
      await kafka().kill(node);
      await answered(running, 'log', ENOUGH);
      await kafka().start(node);
    }
    await inLog(server);
    await running.stop();
    expect((await running.answers()).refused).toEqual([]);
    await stop(server, 'SIGTERM');
    await proveAll(here, [running]);
  });
});

async function spoolStatus({ dir }: Project): Promise<{ readonly events: number }> {
  const end = await runCli(['ingest', 'spool', 'status', '--json'], { cwd: dir });
  expect(end, end.stderr).toMatchObject({ code: 0 });
  return (JSON.parse(end.stdout) as { result: { events: number } }).result;
}

interface SpooledAccount {
  readonly closed: boolean;
  readonly totals: { readonly pending: number };
  readonly spool: { readonly events: number; readonly inDoubt: number; readonly inLog: number | null };
}

const resultOf = (end: Awaited<ReturnType<typeof runCli>>): unknown => {
  expect(end, end.stderr).toMatchObject({ code: 0 });
  return (JSON.parse(end.stdout) as { readonly result: unknown }).result;
};
const account = async ({ dir }: Project, ...more: readonly string[]): Promise<SpooledAccount> =>
  resultOf(await runCli(['ledger', 'verify', '--json', ...more], { cwd: dir })) as SpooledAccount;
const traceOf = async ({ dir }: Project, id: string): Promise<Trace> =>
  resultOf(await runCli(['trace', id, '--json'], { cwd: dir })) as Trace;
const doctorSays = async ({ dir }: Project): Promise<{ readonly status: string; readonly found: string }> => {
  const { stdout } = await runCli(['doctor', '--json', '--set', 'ingest.port=0'], { cwd: dir });
  const { checks } = (JSON.parse(stdout) as { result: { checks: { check: string; status: string; found: string }[] } }).result;
  return checks.find(({ check }) => check === 'spool events')!;
};

async function knownWhileAway(here: Project, events: number, id: string): Promise<void> {
  // Each waits for the broker as long as it is patient.
  const [end, trace, doctor] = await Promise.all([
    runCli(['ledger', 'verify', '--json'], { cwd: here.dir }),
    traceOf(here, id),
    doctorSays(here),
  ]);
  expect(end.code, end.stderr).toBe(5);
  expect(JSON.parse(end.stdout)).toMatchObject({ error: { details: { spooledEvents: events } } });
  expect(trace.events).toMatchObject([{ eventId: id, offset: null, log: { state: 'spooled' }, verdict: { waitsFor: 'log' } }]);
  expect(trace.warnings).toEqual([expect.stringMatching(/^the log was not asked/)]);
  expect(doctor).toMatchObject({
    status: 'warning',
    found: expect.stringMatching(new RegExp(`^${events} accepted events wait, .* in slot-0, which no server has$`)) as string,
  });
}

async function knownBesideLog(here: Project, events: number, id: string): Promise<void> {
  // The commands before may have opened the breaker, which would hold for a while.
  await until(async () => {
    await runCli(['breaker', 'reset', 'log'], { cwd: here.dir });
    return (await runCli(['ledger', 'verify'], { cwd: here.dir })).code === 0;
  });
  const [quick, deep, trace] = await Promise.all([account(here), account(here, '--deep'), traceOf(here, id)]);
  expect(quick).toMatchObject({ closed: true, spool: { events } });
  expect(deep).toMatchObject({ closed: true, totals: quick.totals, spool: { events, inDoubt: quick.spool.inDoubt } });
  // What was in doubt when the broker was killed is in the log, or not: both are told.
  if (deep.spool.inDoubt > 0) expect(deep.spool.inLog).toBeLessThanOrEqual(deep.spool.inDoubt);
  expect(trace.events).toMatchObject([{ log: { state: 'spooled', log: 'waits' } }]);
}

async function knownAsDrained(here: Project, id: string): Promise<void> {
  const [deep, trace, doctor] = await Promise.all([account(here, '--deep'), traceOf(here, id), doctorSays(here)]);
  expect(deep).toMatchObject({ closed: true, totals: { pending: 0 }, spool: { events: 0 } });
  expect(trace).toMatchObject({ total: 1, events: [{ log: { state: 'held' } }] });
  expect(doctor).toMatchObject({ status: 'ok', found: 'none waits' });
}

/** A drain that dies between the log's answer and its own mark of it; the ids that it sent. */
async function sendWithoutMark({ dir, topic }: Project, brokers: string): Promise<readonly string[]> {
  const log = await openLog({ brokers });
  const folder = path.join(dir, '.keystone/spool/local', topic, 'slot-0');
  const slot = await openSlot(folder, 'slot-0');
  // What was in doubt before has names of its own already, and is drained as it is.
  let window = await slot.next(20_000);
  const named = log.named!;
  for (; window?.batches; window = await slot.next(20_000)) {
    for (const batch of window.batches)
      if ((await named.find(topic, batch, PATIENCE_MS)) === null)
        expect(await named.send(topic, [batch], PATIENCE_MS)).toMatchObject([{ kind: 'taken' }]);
    await slot.done(window);
  }
  const batches = await named.cut(topic, window!.records, PATIENCE_MS);
  await slot.named(window!, batches, Date.now());
  for (const batch of batches) expect(await named.send(topic, [batch], PATIENCE_MS)).toMatchObject([{ kind: 'taken' }]);
  await slot.close();
  return window!.records.map(({ headers }) => Buffer.from(headers.find(({ key }) => key === 'ks-event-id')!.value).toString());
}
