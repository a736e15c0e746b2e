/**
 * Accepted means durable: what `keystone ingest serve` takes on its embedded log, one server process and one load process on this
 * machine. Every figure counts acknowledged events, each fsynced before its receipt.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { machineLine, round, type BenchOptions, type BenchResult, type BenchRow } from './bench-result.js';
import { freePort, load, untilListening } from './served-load.js';
import { readCpuSeconds, readPeakRssMb, runWatched } from './watched-process.js';

const SECONDS = 4;
const CASES = [
  { name: 'unary', clients: 1, batch: 1 },
  { name: 'unary', clients: 50, batch: 1 },
  { name: 'unary', clients: 200, batch: 1 },
  { name: 'batch of 500', clients: 4, batch: 500 },
] as const;

export async function benchIngest({ root, events, say }: BenchOptions): Promise<BenchResult> {
  const bin = path.join(root, 'bin/run.js');
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-bench-ingest-'));
  const rows: BenchRow[] = [];
  try {
    await runWatched([process.execPath, bin, 'init', dir], { cwd: root });
    const port = await freePort();
    const server = spawn(process.execPath, [bin, 'ingest', 'serve', '--port', String(port)], {
      cwd: dir,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    try {
      await untilListening(port, server);
      const pid = server.pid ?? 0;
      for (const { name, clients, batch } of CASES) {
        say(`${name}, ${clients} clients, ${SECONDS} s`);
        const before = readCpuSeconds(pid);
        const result = await load({
          service: 'keystone',
          address: `127.0.0.1:${port}`,
          clients,
          batch,
          seconds: SECONDS,
          maxEvents: events,
        });
        const after = readCpuSeconds(pid);
        const cpu = before === null || after === null ? null : after - before;
        rows.push({
          call: name,
          clients,
          'events/s': round(result.events / result.seconds),
          'p50 ms': round(result.p50Ms, 2),
          'p99 ms': round(result.p99Ms, 2),
          'server CPU s/M': cpu === null ? null : round((cpu / (result.events + result.warmUpEvents)) * 1e6, 1),
          'server peak RSS MB': round(readPeakRssMb(pid) ?? Number.NaN),
        });
      }
    } finally {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await ended;
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  const rate = (index: number): number => Number(rows[index]?.['events/s'] ?? Number.NaN);
  return {
    bench: 'ingest',
    command: 'npm run bench -- ingest',
    machine: machineLine(),
    rows,
    ratios: {
      'unary, 200 clients / 1 client, events/s': round(rate(2) / rate(0), 1),
      'batch of 500 / unary with 200 clients, events/s': round(rate(3) / rate(2), 1),
    },
    notes: [
      'acknowledged = durable: each receipt is sent after the fsync of its commit, on the embedded log',
      'server and load share the machine; the load is a process of its own (node:http2, requests encoded beforehand)',
      `${SECONDS} s for each row after 0.5 s of warm-up`,
    ],
  };
}
