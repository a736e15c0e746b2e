import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { costReport } from '../../../src/core/cost/cost-report.js';
import { openRemoteEngine } from '../../../src/core/engine/remote/remote-engine.js';
import { trinoService } from '../../../src/core/engine/trino/trino-service.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { askLake, type LakeQuestion } from '../../../src/core/query/ask-lake.js';
import { putSilver, silverLake } from '../../support/silver-lake.js';
import { systemEffects } from '../../support/effects.js';

const ORDERS = `SELECT 'o' || i AS order_id, 'c1' AS customer_id, TIMESTAMP '2018-01-01 10:00:00' + to_days(i::INTEGER) AS order_purchase_timestamp FROM range(4) t(i)`;
const SQL = 'SELECT count(*) AS n FROM silver.orders WHERE day = 1';

/** Speaks Trino's protocol: each answer is what `answer` says of the statement's text. */
async function coordinator(
  answer: (sql: string, calls: number) => { readonly status?: number; readonly page?: object },
): Promise<{ readonly url: string; readonly asked: string[]; readonly server: Server }> {
  const asked: string[] = [];
  let calls = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      asked.push(`${request.method} ${body}`);
      calls += 1;
      const { status = 200, page = {} } = answer(body, calls);
      response.writeHead(status).end(JSON.stringify(page));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, server };
}

/** The lake of DuckDB with a Trino at this address as its other engine. */
async function lakeWithTrino(url: string): Promise<Lakehouse> {
  const lake = await silverLake();
  await putSilver(lake, 'orders', ORDERS);
  const { clock } = systemEffects();
  const service = trinoService({
    url,
    user: 'test',
    catalog: 'iceberg',
    timeoutMs: 60_000,
    clock: { ...clock, sleep: () => Promise.resolve() },
    random: () => 0,
  });
  const trino = openRemoteEngine({
    service,
    catalog: 'iceberg',
    databasePrefix: '',
    tableNames: lake.tableNames,
    table: lake.table,
  });
  return { ...lake, engine: (name) => (name === 'trino' ? Promise.resolve(trino) : lake.engine(name)) };
}

const question = (asked: Partial<LakeQuestion> = {}): LakeQuestion => ({
  sql: SQL,
  engine: 'trino',
  dialect: 'engine',
  maxRows: 100,
  allowFullScan: false,
  mayFallBack: true,
  command: 'query',
  ...asked,
});

const page = (n: number): object => ({
  id: 'q1',
  columns: [{ name: 'n', type: 'bigint' }],
  data: [[n]],
  stats: { state: 'FINISHED', physicalInputBytes: 1234 },
});

describe('a question to the lake', () => {
  it('is answered by the service, at the snapshots of its beginning, and recorded', async () => {
    const trino = await coordinator(() => ({ page: page(7) }));
    const lake = await lakeWithTrino(trino.url);
    const snapshot = (await (await lake.table('silver.orders'))?.state())?.currentSnapshot?.id;
    const answer = await askLake(lake, question());
    expect(answer).toMatchObject({
      result: { rows: [{ n: 7 }], bytesScanned: 1234 },
      answeredBy: 'trino',
      ageMs: null,
      warnings: [],
    });
    expect(trino.asked).toEqual([`POST SELECT count(*) AS n FROM "silver"."orders" FOR VERSION AS OF ${snapshot} WHERE day = 1`]);
    const report = await costReport(lake, { by: 'table', sinceMs: null });
    expect(report.scans).toEqual([
      expect.objectContaining({ group: 'silver.orders', statements: 1, actualBytes: 1234, billedBytes: 0 }),
    ]);
    expect(report.storage).toEqual([expect.objectContaining({ table: 'silver.orders' })]);
    expect(report.storageDollarsPerMonth).toBeGreaterThan(0);
  });

  it('is asked again while the service says that it may pass', async () => {
    const trino = await coordinator((_, calls) => (calls < 3 ? { status: 503 } : { page: page(7) }));
    const answer = await askLake(await lakeWithTrino(trino.url), question({ mayFallBack: false }));
    expect([answer.answeredBy, trino.asked.length]).toEqual(['trino', 3]);
  });

  it('is answered by DuckDB from the same files when the service is away', async () => {
    const trino = await coordinator(() => ({ status: 503 }));
    const lake = await lakeWithTrino(trino.url);
    const answer = await askLake(lake, question());
    expect(answer).toMatchObject({ result: { rows: [{ n: 1 }] }, answeredBy: 'duckdb' });
    expect(answer.warnings.join()).toContain('trino did not answer');
    await expect(askLake(lake, question({ mayFallBack: false }))).rejects.toMatchObject({ code: 'KS_ENGINE' });
  });

  it('is answered by the newest answer to the same words where DuckDB does not know them', async () => {
    let isAway = false;
    const trino = await coordinator(() => (isAway ? { status: 503 } : { page: page(7) }));
    const lake = await lakeWithTrino(trino.url);
    const sql = `${SQL} AND trinos_own_function(day) = 1`;
    await askLake(lake, question({ sql }));
    isAway = true;
    const answer = await askLake(lake, question({ sql }));
    expect(answer).toMatchObject({ result: { rows: [{ n: 7 }] }, answeredBy: 'cache', ageMs: expect.any(Number) });
    expect(answer.warnings.join()).toMatch(/this is the answer of \d+ seconds? ago, not of now/);
    await expect(askLake(lake, question({ sql: `${sql} AND 1 = 1` }))).rejects.toMatchObject({
      code: 'KS_ENGINE',
      message: expect.stringContaining('no answer to the same words'),
    });
  });

  it('fails at once for what the service calls the statement’s fault, with its place in the text that was asked', async () => {
    const error = {
      message: "line 1:100: Column 'nope' cannot be resolved",
      errorName: 'COLUMN_NOT_FOUND',
      errorType: 'USER_ERROR',
    };
    const trino = await coordinator(() => ({ page: { id: 'q1', error } }));
    const failed = askLake(await lakeWithTrino(trino.url), question());
    await expect(failed).rejects.toMatchObject({ code: 'KS_SQL', details: { line: 1, statement: 'q1' } });
    expect(trino.asked).toHaveLength(1);
  });

  it('runs nothing that is refused for its cost', async () => {
    const trino = await coordinator(() => ({ page: page(7) }));
    const lake = await lakeWithTrino(trino.url);
    await expect(askLake(lake, question({ sql: 'SELECT * FROM silver.orders' }))).rejects.toMatchObject({
      code: 'KS_COST_LIMIT',
    });
    await expect(askLake(lake, question({ sql: 'SELECT * FROM silver.orders WHERE day = 1', maxScan: 1 }))).rejects.toMatchObject(
      { code: 'KS_COST_LIMIT' },
    );
    expect(trino.asked).toEqual([]);
    // DuckDB reads files of one's own: only a limit that was asked for keeps it.
    const whole = { sql: 'SELECT * FROM silver.orders', engine: 'duckdb' } as const;
    expect(await askLake(lake, question(whole))).toMatchObject({ answeredBy: 'duckdb', estimatedBytes: expect.any(Number) });
    await expect(askLake(lake, question({ ...whole, maxScan: 1 }))).rejects.toMatchObject({ code: 'KS_COST_LIMIT' });
  });

  it('takes a kept answer that is damaged for none', async () => {
    const trino = await coordinator(() => ({ status: 503 }));
    const lake = await lakeWithTrino(trino.url);
    const folder = path.join(path.dirname(lake.config.profile.state.path), 'answers');
    await mkdir(folder, { recursive: true });
    for (const name of ['a.json', 'b.json']) await writeFile(path.join(folder, name), '{"sql":');
    const sql = `${SQL} AND trinos_own_function(day) = 1`;
    await expect(askLake(lake, question({ sql }))).rejects.toMatchObject({ code: 'KS_ENGINE' });
  });
});
