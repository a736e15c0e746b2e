/**
 * A large lake and what an operator asks it at night: how long a trace takes (the whole process), whether `consume run` keeps its memory,
 * and what the account costs. Events are those of `trace-events.ts`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { HEADER_EVENT_ID } from '../src/core/event/envelope.js';
import { openEmbeddedLog } from '../src/core/log/embedded-log.js';
import type { LogRecord, NewRecord } from '../src/core/log/event-log.js';
import { machineLine, median, round, type BenchOptions, type BenchResult, type BenchRow } from './bench-result.js';
import { traceEvents } from './trace-events.js';
import { runWatched, type FinishedProcess } from './watched-process.js';

const EVENTS = 10_000_000;
const TOPIC = 'olist-enterprise-events';
const PARTITIONS = 6;
const APPENDED_AT_ONCE = 20_000;
/** Traces of each kind. */
const SAMPLES = 5;

export async function benchTrace({ root, events, say }: BenchOptions): Promise<BenchResult> {
  const total = events ?? EVENTS;
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-bench-trace-'));
  const project = path.join(dir, 'project');
  const run = (...args: readonly string[]): Promise<FinishedProcess> =>
    runWatched([process.execPath, path.join(root, 'bin/run.js'), ...args], { cwd: args[0] === 'init' ? dir : project });
  // An id that is not there is exit code 2, and an answer.
  const ask = (...args: readonly string[]): Promise<FinishedProcess> =>
    runWatched([process.execPath, path.join(root, 'bin/run.js'), 'trace', ...args, '--json'], {
      cwd: project,
      exitCodes: [0, 2],
    });
  try {
    await run('init', project);
    say(`appending ${total} events`);
    const sampled = await fillLog(project, total);
    say('consuming them');
    const consumed = await run('consume', 'run', '--until-caught-up', '--quiet');
    say('building gold');
    await run('gold', 'run', '--quiet');
    const rows: BenchRow[] = [];
    const add = (what: string, runs: readonly FinishedProcess[]): void => {
      rows.push({
        what,
        'median s': round(median(runs.map((one) => one.wallSeconds)), 2),
        'slowest s': round(Math.max(...runs.map((one) => one.wallSeconds)), 2),
        'CPU s': round(median(runs.map((one) => one.cpuSeconds ?? Number.NaN)), 2),
        'peak RSS MB': round(Math.max(...runs.map((one) => one.peakRssMb ?? Number.NaN))),
      });
    };
    for (const [what, argsOf] of QUESTIONS) {
      say(`trace: ${what}`);
      const runs: FinishedProcess[] = [];
      for (const record of sampled) runs.push(await ask(...argsOf(record)));
      add(`trace, ${what}`, runs);
    }
    const slowestTrace = Math.max(...rows.map((row) => Number(row['median s'])));
    say('ledger verify');
    add('ledger verify (quick)', [await run('ledger', 'verify', '--quiet')]);
    say('ledger verify --deep');
    add('ledger verify --deep', [await run('ledger', 'verify', '--deep', '--quiet')]);
    add('consume run', [consumed]);
    return {
      bench: 'trace',
      command: `npm run bench -- trace${events === null ? '' : ` --events ${events}`}`,
      machine: machineLine(),
      rows,
      ratios: {
        'slowest median of a trace, seconds (promise: under 1)': slowestTrace,
        'ledger verify quick, seconds (promise: under 2)': Number(
          rows.find(({ what }) => what === 'ledger verify (quick)')?.['median s'],
        ),
        'consume run, last quarter / second quarter of its memory (flat: 1)': flatness(consumed.rssMb),
        'consume run, events/s': round(total / consumed.wallSeconds),
      },
      notes: [
        `${total} events over 365 days of purchases: half of the ids random, 3 % sent twice, 10 % newer versions, 5 % rejects; process start included`,
        `memory of consume run by tenths of its time, median MB: ${tenths(consumed.rssMb).join(' ')}`,
      ],
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

type Question = readonly [string, (record: LogRecord) => readonly string[]];

const idOf = ({ headers }: LogRecord): string =>
  Buffer.from(headers.find(({ key }) => key === HEADER_EVENT_ID)?.value ?? new Uint8Array()).toString('utf8');

const QUESTIONS: readonly Question[] = [
  ['event id', (record) => [idOf(record)]],
  // The same random id with its ends swapped: well formed, and nobody's.
  ['event id that is not there', (record) => [idOf(record).replace(/^(.{8})(.*)(.{8})$/, '$3$2$1')]],
  ['business key', ({ key }) => ['--key', Buffer.from(key ?? new Uint8Array()).toString('utf8')]],
  ['place in the log', ({ partition, offset }) => [`${TOPIC}/${partition}/${offset}`]],
];

/** Appends the events; resolves to some of them, spread over the log. */
async function fillLog(project: string, total: number): Promise<readonly LogRecord[]> {
  const log = await openEmbeddedLog({ path: path.join(project, '.keystone/log.db'), clock: systemClock });
  try {
    await log.ensureTopic(TOPIC, PARTITIONS);
    let batch: NewRecord[] = [];
    for (const record of traceEvents(total)) {
      batch.push(record);
      if (batch.length < APPENDED_AT_ONCE) continue;
      await log.append(TOPIC, batch);
      batch = [];
    }
    await log.append(TOPIC, batch);
    const sampled: LogRecord[] = [];
    const bounds = await log.bounds(TOPIC);
    for (let n = 0; n < SAMPLES; n++) {
      const { partition = 0, endOffset = 0 } = bounds[n % bounds.length] ?? {};
      const { records } = await log.read(TOPIC, partition, Math.floor((endOffset * (n + 0.5)) / SAMPLES), {
        maxRecords: 1,
        maxBytes: 1,
      });
      if (records[0]) sampled.push(records[0]);
    }
    return sampled;
  } finally {
    await log.close();
  }
}

const systemClock = { nowMs: () => Date.now(), sleep: () => Promise.resolve() };

const medianOf = (samples: readonly number[]): number => (samples.length === 0 ? Number.NaN : median(samples));

/** Median memory of each tenth of the run. */
const tenths = (samples: readonly number[]): readonly number[] =>
  Array.from({ length: 10 }, (_, n) =>
    round(medianOf(samples.slice(Math.floor((samples.length * n) / 10), Math.floor((samples.length * (n + 1)) / 10)))),
  );

const flatness = (samples: readonly number[]): number => {
  const quarter = Math.floor(samples.length / 4);
  return round(medianOf(samples.slice(3 * quarter)) / medianOf(samples.slice(quarter, 2 * quarter)), 2);
};
