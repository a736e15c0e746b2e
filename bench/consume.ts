/**
 * From logged events to partitioned Parquet: `keystone consume run` beside the founding Python consumer, the same events, the same run, in
 * turns. Python's batch is as large as Keystone's flush, which spares it small files.
 */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { machineLine, round, type BenchOptions, type BenchResult } from './bench-result.js';
import { comparedConsumers } from './compared-consumers.js';
import { FILE_CONSUMER_PACKAGES, pythonWith } from './python-venv.js';
import { writeSampleFile } from './sample-payloads.js';
import { runWatched, type FinishedProcess } from './watched-process.js';

const EVENTS = 300_000;
const DAYS = 61;
const ROUNDS = 3;
const PYTHON_BATCH = 200_000;

export async function benchConsume({ root, events, say }: BenchOptions): Promise<BenchResult> {
  const total = events ?? EVENTS;
  const python = await pythonWith(FILE_CONSUMER_PACKAGES, say);
  const bin = path.join(root, 'bin/run.js');
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-bench-consume-'));
  const keystone: FinishedProcess[] = [];
  const founding: FinishedProcess[] = [];
  let payloadBytes = 0;
  try {
    const file = path.join(dir, 'orders.ndjson');
    say(`making ${total} events over ${DAYS} days`);
    payloadBytes = await writeSampleFile(file, total, DAYS);
    const logged = path.join(dir, 'logged');
    await runWatched([process.execPath, bin, 'init', logged], { cwd: dir });
    await runWatched([process.execPath, bin, 'ingest', 'send', file, '--direct', '--dataset', 'orders'], { cwd: logged });
    for (let number = 1; number <= ROUNDS; number++) {
      say(`round ${number} of ${ROUNDS}`);
      const project = path.join(dir, `project-${number}`);
      await cp(logged, project, { recursive: true });
      keystone.push(
        await runWatched([process.execPath, bin, 'consume', 'run', '--until-caught-up', '--quiet'], { cwd: project }),
      );
      await rm(project, { recursive: true });
      const out = path.join(dir, `python-${number}`);
      await mkdir(out);
      // The program lies in the checkout, not beside the compiled bench.
      const program = fileURLToPath(new URL('../../bench/founding-consumer.py', import.meta.url));
      founding.push(await runWatched([python, program, file, out, String(PYTHON_BATCH)], { cwd: dir }));
      await rm(out, { recursive: true });
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return {
    bench: 'consume',
    command: `npm run bench -- consume${events === null ? '' : ` --events ${events}`}`,
    machine: machineLine(),
    ...comparedConsumers(keystone, founding, total),
    notes: [
      `${total} orders of ${round(payloadBytes / total)} bytes over ${DAYS} days, clean (one broken event would end the Python program); medians of ${ROUNDS} rounds in turns, start-up included`,
      'keystone reads its embedded log (SQLite); Python reads a file of lines, which costs less than the broker it was written for',
      `Python writes a batch of ${PYTHON_BATCH} rows at a time; it casts nothing but the date and fsyncs nothing but its offset`,
    ],
  };
}
