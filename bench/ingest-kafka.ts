/**
 * Accepted by a server in front of a real broker: `keystone ingest serve` beside the founding C++ server, as documented (acknowledged when
 * queued in memory) and made durable (acknowledged by the delivery report). The same calls of the founding service, the same load
 * generator, the same broker, in turns.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { machineLine, median, round, type BenchOptions, type BenchResult, type BenchRow } from './bench-result.js';
import { startBenchKafka } from './bench-kafka.js';
import { buildFoundingServer } from './founding-server.js';
import type { LoadResult } from './grpc-load.js';
import { freePort, load, untilListening } from './served-load.js';
import { readCpuSeconds, readPeakRssMb, runWatched } from './watched-process.js';

const SECONDS = 4;
const ROUNDS = 3;

interface LoadCase {
  readonly name: string;
  readonly service: 'keystone' | 'founding';
  readonly clients: number;
  readonly batch: number;
}

const UNARY: readonly LoadCase[] = [1, 50, 200].map((clients) => ({ name: 'SendEvent', service: 'founding', clients, batch: 1 }));
const BATCHES: LoadCase = { name: 'batch of 500', service: 'keystone', clients: 4, batch: 500 };

interface Contender {
  readonly name: string;
  readonly acknowledged: string;
  readonly cases: readonly LoadCase[];
  readonly command: (topic: string, port: number) => readonly string[];
}

interface Measured extends LoadResult {
  readonly cpuSeconds: number | null;
}

/** What one contender did in all rounds. */
interface Tally {
  readonly byCase: Map<LoadCase, Measured[]>;
  peakRssMb: number;
  acknowledged: number;
  inTopic: number;
  refused: number;
}

export async function benchIngestKafka({ root, events, say }: BenchOptions): Promise<BenchResult> {
  const founding = await buildFoundingServer(root, say);
  const kafka = await startBenchKafka(say);
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-bench-ingest-'));
  const server = (mode: string, lingerMs: number) => (topic: string, port: number) => [
    founding.binary,
    mode,
    kafka.brokers,
    topic,
    `127.0.0.1:${port}`,
    String(lingerMs),
  ];
  const contenders: readonly Contender[] = [
    {
      name: 'keystone ingest serve',
      acknowledged: 'acks=all',
      cases: [...UNARY, BATCHES],
      command: (topic, port) => {
        // Without its spool, which a slow broker would send events to: each acknowledgement is the broker's.
        const noSpool = ['--set', 'ingest.spool.patience=0'];
        const words = ['ingest', 'serve', '--quiet', '--port', String(port), ...kafka.settings(topic), ...noSpool];
        return [process.execPath, path.join(root, 'bin/run.js'), ...words];
      },
    },
    { name: 'founding C++, durable, 5 ms', acknowledged: 'acks=all', cases: UNARY, command: server('durable', 5) },
    { name: 'founding C++, durable, 0 ms', acknowledged: 'acks=all', cases: UNARY, command: server('durable', 0) },
    { name: 'founding C++, as documented', acknowledged: 'queued in memory', cases: UNARY, command: server('enqueue', 5) },
  ];
  const tallies = new Map<Contender, Tally>(
    contenders.map((each) => [each, { byCase: new Map(), peakRssMb: 0, acknowledged: 0, inTopic: 0, refused: 0 }]),
  );
  try {
    await runWatched([process.execPath, path.join(root, 'bin/run.js'), 'init', dir], { cwd: root });
    for (let number = 0; number < ROUNDS; number++) {
      // Each goes first once: what came before warms the broker.
      const turned = contenders.map((_, n) => contenders[(n + number) % contenders.length]!);
      for (const contender of turned) {
        say(`round ${number + 1} of ${ROUNDS}: ${contender.name}`);
        const topic = `bench-${contenders.indexOf(contender)}-${number}`;
        await kafka.makeTopic(topic);
        await serve(contender, topic, dir, events, tallies.get(contender)!);
        tallies.get(contender)!.inTopic += await kafka.count(topic);
      }
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
    await kafka.remove();
  }
  for (const [{ name }, { acknowledged, inTopic }] of tallies)
    if (acknowledged > inTopic) throw new Error(`${name} acknowledged ${acknowledged} events, and the topics hold ${inTopic}`);
  return {
    bench: 'ingest --profile kafka',
    command: `npm run bench -- ingest --profile kafka${events === null ? '' : ` --events ${events}`}`,
    machine: machineLine(),
    rows: [...tallies].flatMap(([contender, tally]) => rowsOf(contender, tally)),
    ratios: ratiosOf(contenders, tallies),
    notes: [
      `${kafka.version}; founding server: ${founding.versions}`,
      'the founding server is written from its documentation; durable: the same with acks=all, idempotence, and success from the delivery report; 0 ms: without its wait for company',
      'SendEvent is the founding service on all of them; the batch is Keystone’s own service. Keystone makes an id, a key and headers for each event; the founding server stores the payload alone',
      'servers, broker and load share the machine; the load is a process of its own (node:http2, requests encoded beforehand)',
      `medians of ${ROUNDS} rounds in turns, ${SECONDS} s each after 0.5 s of warm-up; every acknowledged event was found in its topic after the server had ended in peace`,
    ],
  };
}

/** Starts the server, puts each load on it, and ends it. */
async function serve(
  { cases, command }: Contender,
  topic: string,
  cwd: string,
  events: number | null,
  tally: Tally,
): Promise<void> {
  const port = await freePort();
  const [program = '', ...args] = command(topic, port);
  const server = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    await untilListening(port, server);
    const pid = server.pid ?? 0;
    for (const each of cases) {
      const { service, clients, batch } = each;
      const before = readCpuSeconds(pid);
      const address = `127.0.0.1:${port}`;
      const result = await load({ address, service, clients, batch, seconds: SECONDS, maxEvents: events });
      const after = readCpuSeconds(pid);
      const cpuSeconds = before === null || after === null ? null : after - before;
      tally.byCase.set(each, [...(tally.byCase.get(each) ?? []), { ...result, cpuSeconds }]);
      tally.acknowledged += result.events + result.warmUpEvents;
      tally.refused += result.refused;
      tally.peakRssMb = Math.max(tally.peakRssMb, readPeakRssMb(pid) ?? Number.NaN);
    }
  } finally {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    if (server.exitCode === null && server.signalCode === null) await ended;
  }
}

const rateOf = (runs: readonly Measured[]): number => median(runs.map(({ events, seconds }) => events / seconds));
const cpuOf = (runs: readonly Measured[]): number =>
  median(runs.map(({ cpuSeconds, events, warmUpEvents }) => ((cpuSeconds ?? Number.NaN) / (events + warmUpEvents)) * 1e6));

function rowsOf({ name, acknowledged }: Contender, tally: Tally): readonly BenchRow[] {
  return [...tally.byCase].map(([each, runs]) => ({
    server: name,
    acknowledged,
    call: each.name,
    clients: each.clients,
    'events/s': round(rateOf(runs)),
    'p50 ms': round(median(runs.map(({ p50Ms }) => p50Ms)), 2),
    'p99 ms': round(median(runs.map(({ p99Ms }) => p99Ms)), 2),
    'CPU s/M': round(cpuOf(runs), 1),
    'peak RSS MB': round(tally.peakRssMb),
    'acked, not in topic': Math.max(0, tally.acknowledged - tally.inTopic),
    refused: tally.refused,
  }));
}

function ratiosOf(contenders: readonly Contender[], tallies: ReadonlyMap<Contender, Tally>): Readonly<Record<string, number>> {
  const [ours, ...others] = contenders;
  const of = (contender: Contender): Tally => tallies.get(contender)!;
  const ratios: Record<string, number> = {};
  for (const other of others) {
    for (const each of UNARY) {
      const [mine = [], theirs = []] = [of(ours!).byCase.get(each), of(other).byCase.get(each)];
      const between = `keystone / ${other.name}, ${each.clients} client${each.clients === 1 ? '' : 's'}`;
      ratios[`${between}, events/s (higher is better)`] = round(rateOf(mine) / rateOf(theirs), 2);
      ratios[`${between}, CPU (lower is better)`] = round(cpuOf(mine) / cpuOf(theirs), 2);
    }
    const memory = of(ours!).peakRssMb / of(other).peakRssMb;
    ratios[`keystone / ${other.name}, peak RSS (lower is better)`] = round(memory, 2);
  }
  return ratios;
}
