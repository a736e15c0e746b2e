/**
 * The whole way of an event in one run, on real parts: a project like `keystone init` makes, the gRPC server on a free loopback port,
 * the consumer, validation, gold, and the account; then every seeded fault is looked up where it must have ended.
 *
 * The lake is brought up to date twice, so that newer versions, duplicates and late events meet rows that are already published.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runConsumer } from '../consume/run-consumer.js';
import type { SqlEngine } from '../engine/sql-engine.js';
import { KeystoneError } from '../errors.js';
import { goldInsight } from '../gold/gold-insight.js';
import { startIngestServer } from '../ingest/ingest-server.js';
import type { Effects, Lakehouse } from '../lakehouse.js';
import { verifyLedger } from '../ledger/verify.js';
import { folderError } from '../store/folder-error.js';
import { makeFolder } from '../store/make-folder.js';
import { runPipeline, type ValidatedPartition } from '../pipeline.js';
import type { ReportProgress } from '../progress.js';
import { checkFates, countRows, type RowCount } from './check-fates.js';
import { openDemoProject } from './demo-project.js';
import type { DemoReport, RejectCount, ValidatedSummary } from './demo-report.js';
import { cellText } from './query-cell.js';
import { sendFolder, sendGenerated, type SendOutcome, type SendRequest } from './send-demo.js';

export interface DemoOptions {
  /** A folder to leave the project in (absent or empty), or null for a temporary one. */
  readonly keep: string | null;
  /** A folder of Olist CSV files to send instead of generated events. */
  readonly source: string | null;
  /** Generated events, faults included. */
  readonly events: number;
  readonly seed: number;
  readonly effects: Effects;
  readonly signal: AbortSignal;
  readonly onProgress: ReportProgress;
}

export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const dir = await demoFolder(options.keep);
  try {
    const lakehouse = await openDemoProject(dir, options.effects);
    try {
      return await runIn(lakehouse, options);
    } finally {
      await lakehouse.close();
    }
  } finally {
    if (options.keep === null) await rm(dir, { recursive: true, force: true });
  }
}

/** @throws KeystoneError KS_USAGE when the folder to keep holds something already. */
async function demoFolder(keep: string | null): Promise<string> {
  if (keep === null) return mkdtemp(path.join(os.tmpdir(), 'keystone-demo-'));
  const dir = path.resolve(keep);
  await makeFolder(dir).catch((error: unknown) => {
    throw folderError('make', dir, error);
  });
  if ((await readdir(dir)).length > 0) {
    throw new KeystoneError('KS_USAGE', `${dir} is not empty, and the demo does not mix with what is there`, {
      hint: `keystone demo --keep ${dir}-2`,
    });
  }
  return dir;
}

async function runIn(lakehouse: Lakehouse, options: DemoOptions): Promise<DemoReport> {
  const { signal, onProgress, effects } = options;
  const { clock } = effects;
  const startedMs = clock.nowMs();
  let consumed = { events: 0, seconds: 0 };
  let goldSeconds = 0;
  const validated: ValidatedPartition[] = [];
  const bringUpToDate = async (): Promise<void> => {
    const totals = await runConsumer(lakehouse, { untilCaughtUp: true, signal, onProgress });
    consumed = { events: consumed.events + totals.derived.events, seconds: consumed.seconds + totals.seconds };
    const goldStartedMs = clock.nowMs();
    validated.push(...(await runPipeline(lakehouse, { signal, onProgress })).validated);
    goldSeconds += (clock.nowMs() - goldStartedMs) / 1000;
  };

  const sent = await sendThroughServer(lakehouse, options, bringUpToDate);
  await bringUpToDate();

  onProgress({ phase: 'verify the account', done: 0, unit: 'checks' });
  const account = await verifyLedger(lakehouse, { deep: true, signal, onProgress });
  onProgress({ phase: 'look up every seeded fault', done: 0, unit: 'checks' });
  const engine = await lakehouse.engine();
  const faults = sent.faults.length > 0 ? await checkFates(engine, sent.faults, signal) : [];
  const gold = await goldRows(lakehouse, engine, signal);
  const rows = await expectedRows(engine, sent, signal);
  const insight = async (name: 'growth' | 'logistics' | 'segments') => goldInsight(lakehouse, { name, signal });
  const insights = {
    growth: await insight('growth'),
    logistics: await insight('logistics'),
    segments: await insight('segments'),
    bestDay: await bestDay(engine, signal),
  };
  return {
    project: lakehouse.config.projectDir,
    kept: options.keep !== null,
    sent: { events: sent.events, founding: sent.founding, seconds: sent.seconds, source: options.source ?? 'a made-up shop' },
    consumed,
    validated: summarise(validated),
    gold,
    goldSeconds,
    insights,
    rejects: await countRejects(engine, signal),
    account,
    faults,
    rows,
    seconds: (clock.nowMs() - startedMs) / 1000,
    passed:
      account.closed &&
      faults.every(({ misplaced }) => misplaced.length === 0) &&
      rows.every(({ expected, found }) => expected === found),
  };
}

function summarise(validated: readonly ValidatedPartition[]): ValidatedSummary {
  const failed = (level: 'error' | 'warning'): readonly string[] => {
    const names = validated.flatMap(({ dataset, failedChecks }) =>
      failedChecks.filter((check) => check.level === level).map(({ name }) => `${dataset}.${name}`),
    );
    return [...new Set(names)].toSorted();
  };
  return { partitions: validated.length, failedErrors: failed('error'), failedWarnings: failed('warning') };
}

/** Starts the server on a free port, sends everything, and lets it drain. */
async function sendThroughServer(
  lakehouse: Lakehouse,
  options: DemoOptions,
  beforeLastWave: () => Promise<void>,
): Promise<SendOutcome> {
  const { config, effects } = lakehouse;
  const { ingest, profile } = config;
  const stop = new AbortController();
  const server = await startIngestServer({
    log: await lakehouse.log(),
    topic: profile.log.topic,
    partitions: profile.log.partitions,
    contracts: await lakehouse.contracts(),
    host: '127.0.0.1',
    port: 0,
    defaultDataset: ingest.defaultDataset,
    keyMode: ingest.key,
    lingerMs: ingest.linger,
    maxMessageBytes: ingest.maxMessage,
    maxInFlightBytes: ingest.maxInFlight,
    clock: effects.clock,
    randomBytes: effects.randomBytes,
    signal: stop.signal,
  });
  try {
    const { signal, onProgress } = options;
    const request: SendRequest = { lakehouse, address: `127.0.0.1:${server.port}`, signal, onProgress, beforeLastWave };
    return options.source === null ? await sendGenerated(request, options) : await sendFolder(request, options.source);
  } finally {
    stop.abort();
    await server.closed;
  }
}

/** Silver must hold each key's current row, and the facts one row for each item and review. */
async function expectedRows(engine: SqlEngine, { silverRows }: SendOutcome, signal: AbortSignal): Promise<readonly RowCount[]> {
  if (silverRows.size === 0) return [];
  const expected = new Map<string, number>();
  for (const dataset of [...silverRows.keys()].toSorted()) expected.set(`silver.${dataset}`, silverRows.get(dataset) ?? 0);
  expected.set('gold.fact_sales', silverRows.get('order_items') ?? 0);
  expected.set('gold.fact_reviews', silverRows.get('order_reviews') ?? 0);
  return countRows(engine, expected, signal);
}

async function goldRows(lakehouse: Lakehouse, engine: SqlEngine, signal: AbortSignal): Promise<Readonly<Record<string, number>>> {
  const names = (await lakehouse.tableNames()).filter((name) => name.startsWith('gold.'));
  const counts = await countRows(engine, new Map(names.map((name) => [name, 0])), signal);
  return Object.fromEntries(counts.map(({ table, found }) => [table, found]));
}

async function countRejects(engine: SqlEngine, signal: AbortSignal): Promise<readonly RejectCount[]> {
  const { rows } = await engine.query(
    `SELECT 'quarantine' AS zone, reason, count(*) AS events FROM (SELECT unnest(reasons) AS reason FROM quarantine.events) GROUP BY reason
     UNION ALL SELECT 'error', class, count(*) FROM error.events GROUP BY class
     ORDER BY events DESC, reason`,
    { signal },
  );
  return rows.map((row) => ({
    zone: row['zone'] === 'error' ? 'error' : 'quarantine',
    reason: cellText(row['reason']),
    events: Number(row['events']),
  }));
}

async function bestDay(engine: SqlEngine, signal: AbortSignal): Promise<DemoReport['insights']['bestDay']> {
  const { rows } = await engine.query(
    `SELECT CAST(purchase_date AS VARCHAR) AS day, CAST(sum(revenue) AS DECIMAL(38,2)) AS revenue, CAST(sum(orders) AS BIGINT) AS orders
     FROM gold.daily_regional_sales GROUP BY 1 ORDER BY sum(revenue) DESC LIMIT 1`,
    { signal },
  );
  const best = rows[0];
  return best ? { day: cellText(best['day']), revenue: cellText(best['revenue']), orders: Number(best['orders']) } : null;
}
