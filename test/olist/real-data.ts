/**
 * The real Olist files the whole way, through `bin/run.js`, in one home: every known fact out of silver and gold, the account, and the
 * same files a second time. The tests follow each other in one project.
 */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/core/config/load-config.js';
import type { ConsumeTotals } from '../../src/core/consume/run-consumer.js';
import type { Insight } from '../../src/core/gold/gold-insight.js';
import type { RunCsvResult } from '../../src/core/ingest/files/run-csv.js';
import { openLakehouse } from '../../src/core/lakehouse.js';
import type { Account } from '../../src/core/ledger/account.js';
import type { PipelineRun } from '../../src/core/pipeline.js';
import type { ValidationResult } from '../../src/core/quality/validate-partition.js';
import type { TableSummary } from '../../src/core/table/describe-table.js';
import { systemEffects } from '../support/effects.js';
import { type Home, HOMES, type OpenHome } from './homes.js';
import { measured, tell } from './measured-cli.js';
import { type Answer, answerValue, type Fact, factSql, isOlistPresent, OLIST_DIR, readFacts } from './truth.js';

const EVENTS = 1_550_868;
/** Asked on the command line of the embedded home; the engine is the same for all, and a process for each fact would take minutes. */
const FACTS_BY_COMMAND = new Set(
  `rows.geo i.sum_price i.orphan_product p.by_type p.total r.by_score r.multiline_message g.exact_duplicates o.by_status
   gold.star_counts gold.monthly_revenue_all gold.rfm_segments`.split(/\s+/),
);

const present = isOlistPresent();
if (!present) tell(`Skipped: the Olist files are not in ${OLIST_DIR} (KEYSTONE_OLIST_DIR names their folder).`);

/** What some tables are: the metadata file changes with every commit, a data file's time with every rewrite. */
interface LakeFingerprint {
  readonly metadata: ReadonlyMap<string, string>;
  /** Path → size and time of every file below their folders. */
  readonly files: ReadonlyMap<string, string>;
}

/** The tests of one home: a file for each, so that two homes run beside each other. */
export function realDataIn(home: keyof typeof HOMES): void {
  const { name, isLocal, hasEngine, open }: Home = HOMES[home];
  describe.skipIf(!present)(`the real Olist files in the home ${name}`, () => {
    let opened: OpenHome | null = null;
    let dir = '';
    let facts: readonly Fact[] = [];
    const startedMs = performance.now();
    const run = <Result>(args: readonly string[]) => measured<Result>(args, { cwd: dir, env: opened?.env ?? {} });
    const fact = (id: string): Fact['value'] => (facts.find((one) => one.id === id) as Fact).value;
    /** DuckDB's dialect, whatever the home's own engine. */
    const query = async (sql: string): Promise<Answer> => (await run<Answer>(['query', '--engine', 'duckdb', sql])).result;
    const rowsOf = async (sql: string): Promise<unknown> => answerValue(await query(sql), []);

    const fingerprint = async (namespaces: readonly string[]): Promise<LakeFingerprint> => {
      const { result } = await run<readonly TableSummary[]>(['table', 'list']);
      const tables = result.filter(({ name }) => namespaces.some((namespace) => name.startsWith(`${namespace}.`)));
      const files = new Map<string, string>();
      for (const namespace of isLocal ? namespaces : []) {
        const root = path.join(dir, 'lake', namespace);
        for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
          if (!entry.isFile()) continue;
          const file = path.join(entry.parentPath, entry.name);
          const { size, mtimeMs } = await stat(file);
          files.set(path.relative(dir, file), `${size} ${mtimeMs}`);
        }
      }
      return { metadata: new Map(tables.map((table) => [table.name, `${table.metadataLocation} ${table.rows} rows`])), files };
    };

    beforeAll(async () => {
      facts = readFacts();
      const parent = await mkdtemp(path.join(os.tmpdir(), 'keystone-olist-'));
      dir = path.join(parent, 'w');
      await measured(['init', 'w'], { cwd: parent });
      opened = await open();
      if (opened?.profile) {
        const file = path.join(dir, 'keystone.yaml');
        const text = await readFile(file, 'utf8');
        await writeFile(
          file,
          `${text.slice(0, text.search(/^profiles:/m))}profiles:\n  local: ${JSON.stringify(opened.profile)}\n`,
        );
      }
    });

    beforeEach((context) => {
      if (opened === null) context.skip(`a service of the home ${name} cannot be installed here`);
    });

    afterAll(async () => {
      await opened?.close();
      await rm(path.dirname(dir), { recursive: true, force: true });
      tell(`  all of it, ${name}: ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
    });

    it('come in as nine files of 1,550,868 rows, the other files of the folder named and skipped', async () => {
      const { result } = await run<RunCsvResult>(['ingest', 'csv', OLIST_DIR]);
      expect(result).toMatchObject({ rows: EVENTS, accepted: EVENTS, refused: 0, badRows: 0 });
      expect(result.files.filter(({ status }) => status === 'ingested')).toHaveLength(9);
      expect(result.files.filter(({ status }) => status !== 'ingested').every(({ status }) => status === 'skipped')).toBe(true);
    });

    it('are consumed to the last row, none rejected', async () => {
      const { result, warnings } = await run<ConsumeTotals>(['consume', 'run', '--until-caught-up']);
      expect(result).toMatchObject({ landed: EVENTS, caughtUp: true });
      expect(result.derived).toMatchObject({ events: EVENTS, quarantined: 0, error: 0, duplicate: 0, superseded: 0, drift: {} });
      expect(warnings).toEqual([]);
    });

    it('pass their error-level checks and become gold', async () => {
      const { result } = await run<PipelineRun>(['pipeline', 'run']);
      expect(result.passed).toBe(true);
      expect(result.validated.map(({ dataset }) => dataset)).toHaveLength(9);
      expect(result.gold.models).toHaveLength(7);
    });

    it.runIf(hasEngine)('become the same gold, row for row, by the engine of the home and by DuckDB', async () => {
      const { result: tables } = await run<readonly TableSummary[]>(['table', 'list']);
      const gold = tables.map((table) => table.name).filter((table) => table.startsWith('gold.'));
      expect(gold).toHaveLength(7);
      const digests = async (): Promise<unknown> =>
        rowsOf(
          gold
            .map((table) => `SELECT '${table}' AS name, count(*) AS n, sum(hash(r)::HUGEINT)::VARCHAR AS digest FROM ${table} r`)
            .join(' UNION ALL '),
        );
      const byEngine = await digests();
      await run(['gold', 'run', '--full', '--engine', 'duckdb']);
      expect(await digests()).toEqual(byEngine);
    });

    it.runIf(hasEngine)('give the engine of the home the same counts and sums', async () => {
      const sql = `SELECT 'items' AS what, count(*) AS n, CAST(sum(price) AS VARCHAR) AS total FROM silver.order_items
      UNION ALL SELECT 'payments', count(*), CAST(sum(payment_value) AS VARCHAR) FROM silver.order_payments
      UNION ALL SELECT 'sales', count(*), CAST(sum(freight_value) AS VARCHAR) FROM gold.fact_sales
      UNION ALL SELECT 'regions', sum(orders), CAST(sum(revenue) AS VARCHAR) FROM gold.daily_regional_sales
      ORDER BY 1`;
      const { result } = await run<Answer>(['query', '--allow-full-scan', sql]);
      expect(answerValue(result, [])).toEqual(await rowsOf(sql));
    });

    it('give every fact of the truth on the command line or from its engine', async () => {
      const lake = openLakehouse(await loadConfig({ cwd: dir, env: {} }), { ...systemEffects(), env: opened?.env ?? {} });
      const wrong: unknown[] = [];
      const startMs = performance.now();
      try {
        const engine = await lake.engine();
        for (const one of facts) {
          const sql = factSql(one);
          const answer: Answer =
            opened?.profile === null && FACTS_BY_COMMAND.has(one.id) ? await query(sql) : await engine.query(sql);
          const value = answerValue(answer, one.value);
          try {
            expect(value).toEqual(one.value);
          } catch {
            wrong.push({ id: one.id, words: one.words, expected: one.value, value });
          }
        }
      } finally {
        await lake.close();
      }
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      tell(`  ${facts.length - wrong.length} of ${facts.length} facts hold (${seconds} s)`);
      expect(wrong).toEqual([]);
      expect(facts.length).toBeGreaterThanOrEqual(76);
    });

    it('give the gold facts out of the gold tables', async () => {
      const stars = await rowsOf(`SELECT (SELECT count(*) FROM gold.fact_sales), (SELECT count(*) FROM gold.fact_reviews),
      (SELECT count(*) FROM gold.dim_customer), (SELECT count(*) FROM silver.customers), (SELECT count(*) FROM gold.dim_product),
      (SELECT count(*) FROM gold.dim_seller), (SELECT count(*) FROM gold.dim_date)`);
      expect(stars).toEqual(fact('gold.star_counts'));
      const reviews = await rowsOf(`SELECT count(*), sum(review_score)::BIGINT FROM (SELECT *, row_number() OVER (
      PARTITION BY order_id ORDER BY review_answer_timestamp DESC, review_id DESC) AS k FROM gold.fact_reviews) WHERE k = 1`);
      expect(reviews).toEqual(fact('gold.fact_reviews_dedup'));
      const money = await rowsOf('SELECT sum(price), sum(freight_value) FROM gold.fact_sales');
      expect(money).toEqual([[fact('i.sum_price'), fact('i.sum_freight')]]);
      const onTime = await rowsOf(
        'SELECT sum(timed_deliveries)::BIGINT, sum(on_time_orders)::BIGINT, sum(on_time_orders_by_date)::BIGINT FROM gold.daily_regional_sales',
      );
      expect(onTime).toEqual(fact('gold.ontime_rate_total'));
      const monthly = await rowsOf(
        'SELECT year(purchase_date), month(purchase_date), sum(orders)::BIGINT FROM gold.daily_regional_sales GROUP BY ALL ORDER BY ALL',
      );
      expect(monthly).toEqual(fact('part.month'));
    });

    it('give the insights', async () => {
      const insight = async (...words: readonly string[]): Promise<Insight> =>
        (await run<Insight>(['gold', 'insight', ...words])).result;
      expect(answerValue(await insight('growth'), [])).toEqual(fact('gold.monthly_revenue_all'));
      const logistics = await insight('logistics');
      const slowest = logistics.rows.map((row) => [row['customer_state'], row['deliveries'], row['delivery_days']]);
      expect(slowest).toEqual(fact('gold.delivery_days_by_state'));
      const { deliveries, on_time: onTime, on_time_by_date: onTimeByDate } = logistics.totals;
      expect([[deliveries, onTime, onTimeByDate]]).toEqual(fact('gold.ontime_rate_total'));
      expect(answerValue(await insight('segments', '--as-of', '2018-09-01'), [])).toEqual(fact('gold.rfm_segments'));
    });

    it('fail the warnings on the days that are known', async () => {
      const failing = async (partition: string, check: string): Promise<unknown> => {
        const { result } = await run<ValidationResult>(['validate', 'partition', 'orders', partition]);
        const { level, failingRows } = result.checks.find(({ name }) => name === check) ?? {};
        return { level, failingRows, passed: result.passed };
      };
      const carrier = 'carrier_not_before_approval';
      const delivery = 'delivery_not_before_carrier';
      const [[, carrierDay, carrierRows] = []] = fact('part.failing.carrier_before_approved') as readonly [
        number,
        string,
        number,
      ][];
      const [[, deliveryDay, deliveryRows] = []] = fact('part.failing.delivered_before_carrier') as readonly [
        number,
        string,
        number,
      ][];
      const warning = (failingRows: unknown): unknown => ({ level: 'warning', failingRows, passed: true });
      expect(await failing(carrierDay ?? '', carrier)).toEqual(warning(carrierRows));
      expect(await failing(deliveryDay ?? '', delivery)).toEqual(warning(deliveryRows));
      expect(await failing('all', carrier)).toEqual(warning(fact('o.carrier_before_approved')));
      expect(await failing('2017-01-05', delivery)).toEqual(warning(0));
    });

    const closes = async (expected: Partial<Account['totals']>): Promise<void> => {
      for (const mode of [[], ['--deep']]) {
        const { result } = await run<Account>(['ledger', 'verify', ...mode]);
        expect(result).toMatchObject({ closed: true, breaks: [], rolledBack: [], inFlight: [] });
        expect(result.totals).toMatchObject({ unprocessed: 0, pending: 0, ...expected });
      }
    };
    const none = { error: 0, quarantined: 0, superseded: 0 };

    it('close the account', async () => {
      await closes({ bronze: EVENTS, processed: EVENTS, dispositions: { ...none, duplicate: 0 } });
    });

    it('change nothing above bronze when they come a second time', async () => {
      const unchanged = ['silver', 'gold', 'error', 'quarantine'];
      const before = await fingerprint(unchanged);
      expect(before.metadata.size).toBe(9 + 7 + 1 + 1);
      if (isLocal) expect(before.files.size).toBeGreaterThan(634);
      await run(['ingest', 'csv', OLIST_DIR]);
      const { result } = await run<ConsumeTotals>(['consume', 'run', '--until-caught-up']);
      expect(result).toMatchObject({ landed: EVENTS, caughtUp: true });
      expect(result.derived).toMatchObject({
        events: EVENTS,
        silver: {},
        quarantined: 0,
        error: 0,
        duplicate: EVENTS,
        superseded: 0,
      });
      const pipeline = await run<PipelineRun>(['pipeline', 'run']);
      expect(pipeline.result).toMatchObject({ passed: true, validated: [] });
      expect(await fingerprint(unchanged)).toEqual(before);
      await closes({ bronze: 2 * EVENTS, processed: 2 * EVENTS, dispositions: { ...none, duplicate: EVENTS } });
    });
  });
}
