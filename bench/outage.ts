/**
 * `npm run bench -- outage`: all brokers away under load, time-compressed. What is kept of a 30-minute outage is its amount: as many events as
 * 200 a second make in half an hour, each really accepted while no broker runs, sent as fast as the server takes them. The brokers are
 * killed with kill -9; no timer of Keystone is changed. Before that, one of three brokers is killed, to see how soon its leaders are others.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { profileConfig } from '../src/core/config/config.js';
import { openKafkaLog } from '../src/core/log/kafka-log.js';
import { installKafka, startKafka, type Kafka } from '../test/services/kafka.js';
import { machineLine, round, type BenchOptions, type BenchResult } from './bench-result.js';

const MINUTES = 30;
const EVENTS_PER_SECOND = 200;
const TOPIC = 'outage';
const PARTITIONS = 6;
const SIDES = 12;

interface Answer {
  readonly kind: 'log' | 'spooled' | 'refused';
  /** Of the event; of a refusal the code. */
  readonly id: string;
  readonly side: string;
  readonly sentMs: number;
  readonly answeredMs: number;
}

interface Health {
  readonly mode: string;
  readonly events: number;
  readonly bytes: number;
}

async function readAnswers(file: string): Promise<readonly Answer[]> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const [kind = '', id = '', sentMs, answeredMs] = line.split(' ');
      return {
        kind: kind as Answer['kind'],
        id,
        side: id.split('-')[1] ?? '',
        sentMs: Number(sentMs),
        answeredMs: Number(answeredMs),
      };
    });
}

async function until(what: () => Promise<boolean>, patienceMs: number, saying: string): Promise<void> {
  for (const startedMs = Date.now(); !(await what()); await delay(20))
    if (Date.now() - startedMs > patienceMs) throw new Error(`${saying} did not come within ${patienceMs} ms`);
}

export async function benchOutage({ root, events, say }: BenchOptions): Promise<BenchResult> {
  const libs = await installKafka();
  if (libs === null)
    throw new Error('the bench needs Java 17 and Maven for brokers of its own: apt-get install default-jre maven');
  const wanted = events ?? MINUTES * 60 * EVENTS_PER_SECOND;
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-bench-'));
  const cleanUp: (() => unknown)[] = [() => rm(dir, { recursive: true, force: true })];
  try {
    say('starting three brokers');
    const kafka = await startKafka(libs, { nodes: 3 });
    cleanUp.unshift(() => kafka.remove());
    await writeFile(path.join(dir, 'keystone.yaml'), settings(kafka));
    await cp(path.join(root, 'templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
    const server = await startServer(root, dir);
    cleanUp.unshift(server.kill);
    const load = (file: string, more: readonly string[]) => {
      const recorder = path.join(root, 'test/support/recording-client.mjs');
      const child = spawn(process.execPath, [recorder, server.address, file, String(SIDES), ...more], {
        stdio: ['pipe', 'inherit', 'inherit'],
      });
      cleanUp.unshift(() => child.kill('SIGKILL'));
      return { stop: () => child.stdin.end(), ended: new Promise((resolve) => child.once('exit', resolve)) };
    };

    say('one of three brokers killed under load');
    const changeFile = path.join(dir, 'change');
    await writeFile(changeFile, '');
    const change = load(changeFile, ['2']);
    await delay(3000);
    const killedMs = Date.now();
    await kafka.kill(1);
    const isBack = async (): Promise<boolean> => sidesInLog(await readAnswers(changeFile), killedMs).size === SIDES;
    await until(isBack, 120_000, 'an acknowledgement out of the log for every key');
    change.stop();
    await change.ended;
    const changeAnswers = await readAnswers(changeFile);
    const backMs = Math.max(...sidesInLog(changeAnswers, killedMs).values()) - killedMs;
    const longestMs = Math.max(...changeAnswers.map(({ sentMs, answeredMs }) => answeredMs - sentMs));
    await kafka.start(1);
    await until(async () => (await server.health()).mode === 'log', 120_000, 'the log');

    say(`all brokers killed; ${wanted.toLocaleString('en-US')} events while they are away`);
    const outageFile = path.join(dir, 'outage');
    await writeFile(outageFile, '');
    const before = load(outageFile, ['2']);
    await delay(2000);
    const downMs = Date.now();
    await Promise.all([0, 1, 2].map((node) => kafka.kill(node)));
    await until(async () => (await server.health()).mode === 'spooling', 60_000, 'the spool');
    const spoolingMs = Date.now();
    before.stop();
    await before.ended;
    const awayFile = path.join(dir, 'away');
    await writeFile(awayFile, '');
    const loadedMs = Date.now();
    await load(awayFile, ['0', '50', String(wanted)]).ended;
    const loadSeconds = (Date.now() - loadedMs) / 1000;
    const spool = await server.health();
    say(`${spool.events.toLocaleString('en-US')} events in the spool; brokers start`);
    await Promise.all([0, 1, 2].map((node) => kafka.start(node)));
    const upMs = Date.now();
    await until(async () => (await server.health()).mode !== 'spooling', 120_000, 'the drain');
    const drainingMs = Date.now();
    await until(async () => (await server.health()).mode === 'log', 600_000, 'the log');
    const drainedMs = Date.now();
    await server.stop();

    say('reading the log');
    const times = await timesInLog(kafka);
    const answers = (await Promise.all([changeFile, outageFile, awayFile].map(readAnswers))).flat();
    const acknowledged = answers.filter(({ kind }) => kind !== 'refused').map(({ id }) => id);
    const lost = acknowledged.filter((id) => !times.has(id)).length;
    const repeated = [...times.values()].filter((count) => count > 1).length;
    const refused = answers.length - acknowledged.length;
    const drainSeconds = (drainedMs - drainingMs) / 1000;
    return {
      bench: 'outage',
      command: `npm run bench -- outage --events ${wanted}`,
      machine: machineLine(),
      rows: [
        {
          measured: 'one of three brokers killed: writes in the log again for every key after (s)',
          value: round(backMs / 1000, 1),
        },
        {
          measured: 'one of three brokers killed: longest wait of a client for its acknowledgement (s)',
          value: round(longestMs / 1000, 1),
        },
        { measured: 'all brokers killed: until events went to the spool (s)', value: round((spoolingMs - downMs) / 1000, 1) },
        { measured: 'downtime of all brokers (s)', value: round((upMs - downMs) / 1000, 1) },
        { measured: 'events accepted while they were away', value: spool.events },
        { measured: 'accepted per second while they were away', value: round(wanted / loadSeconds) },
        { measured: 'spool (MB)', value: round(spool.bytes / 1e6, 1) },
        { measured: 'brokers up until the drain began, breaker included (s)', value: round((drainingMs - upMs) / 1000, 1) },
        { measured: 'drain (s)', value: round(drainSeconds, 1) },
        { measured: 'drained per second', value: round(spool.events / drainSeconds) },
        { measured: 'acknowledged in all', value: acknowledged.length },
        { measured: 'refused', value: refused },
        { measured: 'acknowledged and not in the log', value: lost },
        { measured: 'in the log more than once', value: repeated },
      ],
      ratios: { 'outage compressed by': round((MINUTES * 60_000) / (upMs - downMs), 1) },
      notes: [
        `compressed: the ${wanted.toLocaleString('en-US')} events that ${EVENTS_PER_SECOND} a second make in ${round(wanted / EVENTS_PER_SECOND / 60, 1)} minutes, in the measured downtime; Keystone's timers are those of production`,
        'brokers: three, three replicas, two in sync; kill -9; broker.session.timeout.ms=1500 as the tests have it (Kafka: 9000)',
        'every acknowledged id was looked up in the log afterwards',
      ],
    };
  } finally {
    for (const clean of cleanUp) await clean();
  }
}

const settings = ({ brokers }: Kafka): string =>
  `version: 1\nprofiles:\n  local:\n    log:\n      adapter: kafka\n      topic: ${TOPIC}\n      partitions: ${PARTITIONS}\n      kafka: { brokers: "${brokers}", replication: 3 }\n`;

/** For each key: when it was first acknowledged out of the log for an event sent after `sinceMs`. */
function sidesInLog(answers: readonly Answer[], sinceMs: number): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const { kind, side, sentMs, answeredMs } of answers)
    if (kind === 'log' && sentMs >= sinceMs && !first.has(side)) first.set(side, answeredMs);
  return first;
}

async function startServer(root: string, dir: string) {
  const child = spawn(
    process.execPath,
    [path.join(root, 'bin/run.js'), 'ingest', 'serve', '--json', '--port', '0', '--http-port', '0'],
    {
      cwd: dir,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString('utf8')));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await until(async () => told.includes('"listening"') || child.exitCode !== null, 60_000, 'the server');
  const [, address] = /"address":"([^"]+)"/.exec(told) ?? [];
  const [, http] = /"httpAddress":"([^"]+)"/.exec(told) ?? [];
  if (address === undefined) throw new Error(`the server does not listen: ${told}`);
  return {
    address,
    health: async (): Promise<Health> => ((await (await fetch(`http://${http}/healthz`)).json()) as { spool: Health }).spool,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
    kill: () => child.kill('SIGKILL'),
  };
}

/** How often each event id is in the topic. */
async function timesInLog({ brokers }: Kafka): Promise<ReadonlyMap<string, number>> {
  const log = await openKafkaLog({
    kafka: profileConfig.parse({ log: { kafka: { brokers } } }).log.kafka,
    secrets: { env: {}, projectDir: '/' },
    clock: { nowMs: () => Date.now(), sleep: (ms) => delay(ms) },
    randomBytes,
  });
  const times = new Map<string, number>();
  for (const { partition, startOffset, endOffset } of await log.bounds(TOPIC)) {
    for (let at = startOffset; at < endOffset;) {
      const { records, nextOffset } = await log.read(TOPIC, partition, at, { maxRecords: 50_000, maxBytes: 32e6 });
      for (const { headers } of records) {
        const id = Buffer.from(headers.find(({ key }) => key === 'ks-event-id')?.value ?? []).toString('utf8');
        times.set(id, (times.get(id) ?? 0) + 1);
      }
      at = nextOffset;
    }
  }
  await log.close();
  return times;
}
