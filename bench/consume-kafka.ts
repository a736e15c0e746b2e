/**
 * From a real broker's topic to partitioned Parquet: `keystone consume run` beside the founding Python consumer, the same topic, the same
 * run, in turns. Python's batch is as large as Keystone's flush, which spares it small files.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { machineLine, round, type BenchOptions, type BenchResult } from './bench-result.js';
import { startBenchKafka } from './bench-kafka.js';
import { comparedConsumers } from './compared-consumers.js';
import { KAFKA_CONSUMER_PACKAGES, pythonWith } from './python-venv.js';
import { writeSampleFile } from './sample-payloads.js';
import { runWatched, type FinishedProcess } from './watched-process.js';

const EVENTS = 300_000;
const DAYS = 61;
const ROUNDS = 3;
const PYTHON_BATCH = 200_000;
const TOPIC = 'olist-enterprise-events';

interface PythonReport {
  readonly rows: number;
  readonly pyarrow: string;
  readonly 'confluent-kafka': string;
  readonly librdkafka: string;
}

export async function benchConsumeKafka({ root, events, say }: BenchOptions): Promise<BenchResult> {
  const total = events ?? EVENTS;
  const python = await pythonWith(KAFKA_CONSUMER_PACKAGES, say);
  const kafka = await startBenchKafka(say);
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-bench-consume-'));
  const keystone = (cwd: string, ...args: readonly string[]): Promise<FinishedProcess> =>
    runWatched([process.execPath, path.join(root, 'bin/run.js'), ...args], { cwd });
  const ours: FinishedProcess[] = [];
  const theirs: FinishedProcess[] = [];
  let payloadBytes = 0;
  let report: PythonReport | undefined;
  try {
    const file = path.join(dir, 'orders.ndjson');
    say(`making ${total} events over ${DAYS} days`);
    payloadBytes = await writeSampleFile(file, total, DAYS);
    const settings = kafka.settings(TOPIC);
    await kafka.makeTopic(TOPIC);
    await keystone(dir, 'init', path.join(dir, 'sender'));
    await keystone(path.join(dir, 'sender'), 'ingest', 'send', file, '--direct', '--dataset', 'orders', ...settings);
    const logged = await kafka.count(TOPIC);
    if (logged !== total) throw new Error(`the topic holds ${logged} events instead of ${total}`);
    for (let number = 1; number <= ROUNDS; number++) {
      say(`round ${number} of ${ROUNDS}`);
      const project = path.join(dir, `project-${number}`);
      await keystone(dir, 'init', project);
      // Each begins at the start of the topic: a lake and a group of its own.
      const own = [...settings, '--set', `consume.group=keystone-${number}`];
      ours.push(await keystone(project, 'consume', 'run', '--until-caught-up', '--quiet', ...own));
      checkAccount((await keystone(project, 'ledger', 'verify', '--json', ...own)).stdout, total);
      await rm(project, { recursive: true });
      const out = path.join(dir, `python-${number}`);
      await mkdir(out);
      const program = path.join(root, 'bench/founding/kafka-consumer.py');
      const group = `lakehouse-enterprise-writers-${number}`;
      const words = [program, kafka.brokers, TOPIC, group, out, String(PYTHON_BATCH), String(total)];
      const end = await runWatched([python, ...words], { cwd: dir });
      report = JSON.parse(end.stdout) as PythonReport;
      if (report.rows !== total) throw new Error(`the Python consumer wrote ${report.rows} rows of ${total}`);
      theirs.push(end);
      await rm(out, { recursive: true });
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
    await kafka.remove();
  }
  return {
    bench: 'consume --profile kafka',
    command: `npm run bench -- consume --profile kafka${events === null ? '' : ` --events ${events}`}`,
    machine: machineLine(),
    ...comparedConsumers(ours, theirs, total),
    notes: [
      `${total} orders of ${round(payloadBytes / total)} bytes over ${DAYS} days, clean (one broken event would end the Python program); medians of ${ROUNDS} rounds in turns, start-up included`,
      `${kafka.version}; confluent-kafka ${report?.['confluent-kafka']} on librdkafka ${report?.librdkafka}, pyarrow ${report?.pyarrow}`,
      `nothing lost: ${ROUNDS} times the account closed over ${total} events, and Python wrote ${total} rows`,
      `Python writes a batch of up to ${PYTHON_BATCH} rows at a time; it casts nothing but the date, and a row that it has written and not committed comes twice`,
    ],
  };
}

function checkAccount(stdout: string, total: number): void {
  const { result } = JSON.parse(stdout) as {
    readonly result: { readonly closed: boolean; readonly totals: { readonly bronze: number; readonly pending: number } };
  };
  if (!result.closed || result.totals.bronze !== total || result.totals.pending !== 0)
    throw new Error(`the account does not close over ${total} events: ${JSON.stringify(result.totals)}`);
}
