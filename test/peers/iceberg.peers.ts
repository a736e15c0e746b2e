/**
 * The lake's tables as pyiceberg, DuckDB's extension, icebird, pyarrow and fastavro read them, against what `keystone query` answers: contents, history, pruning, and
 * every statement of the manifests. The tests share one lake and change nothing.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableDescription, TableSummary } from '../../src/core/table/describe-table.js';
import { askPython, peerPython } from './ask-python.js';
import { EDGE_EVENTS } from './edge-events.js';
import { byDuckDb, byIcebird, byPyiceberg, keystone, lookAt, type Moment, requests, said } from './moment.js';

const EVENTS = 2000;
const TABLES = [
  'bronze.events',
  'silver.orders',
  'silver.order_items',
  'silver.order_reviews',
  'silver.geolocation',
  'quarantine.events',
  'ledger.dispositions',
  'gold.fact_sales',
  'gold.daily_regional_sales',
];

type Rows = readonly Readonly<Record<string, string | number>>[];

/** What a script found wrong; every script tells more. */
interface Audit {
  readonly faults: readonly string[];
}

interface Plan {
  readonly files: number;
  readonly scans: readonly { readonly files: number; readonly rows: number }[];
}

describe.skipIf(peerPython === null)('the tables, read by other programs', () => {
  let dir = '';
  /** After the demo, and after a second delivery on top of it. */
  let before: Moment;
  let after: Moment;
  let all: readonly TableSummary[] = [];

  const query = async (sql: string): Promise<Rows> => (await keystone<{ rows: Rows }>(dir, 'query', sql)).rows;
  const described = (name: string): TableDescription => after.tables.get(name) as TableDescription;
  const everyTable = (): object[] => all.map(({ name, metadataLocation: metadata }) => ({ name, metadata }));

  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-peers-'));
    await keystone(dir, 'demo', '--events', String(EVENTS), '--keep', dir);
    before = await lookAt(dir, 'before', TABLES);
    for (const [dataset, rows] of Object.entries(EDGE_EVENTS)) {
      const file = path.join(dir, `${dataset}.ndjson`);
      await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      await keystone(dir, 'ingest', 'send', file, '--direct', '--dataset', dataset);
    }
    await keystone(dir, 'consume', 'run', '--until-caught-up');
    await keystone(dir, 'pipeline', 'run');
    after = await lookAt(dir, 'after', TABLES);
    all = await keystone<readonly TableSummary[]>(dir, 'table', 'list');
  });

  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  it('hold what Keystone says: every row, every column, every sum', async () => {
    expect(await byPyiceberg(requests(after))).toEqual(said([after]));
    const { 'after.silver_order_items': items, 'after.silver_orders': orders } = said([after]);
    expect(items?.columns['price']?.sum).toMatch(/^\d+\.\d\d$/);
    expect(orders?.rows).toBe((said([before])['before.silver_orders']?.rows ?? 0) + 4);
  });

  it('hold at their earlier snapshots what Keystone said then', async () => {
    const moved = TABLES.filter((name) => described(name).currentSnapshotId !== before.tables.get(name)?.currentSnapshotId);
    expect(moved).toEqual(expect.arrayContaining(['bronze.events', 'silver.orders', 'gold.fact_sales']));
    expect(await byPyiceberg(requests(before, after))).toEqual(said([before]));
  });

  it('hold the same for DuckDB with its own Iceberg extension, now and then', async (test) => {
    const now = await byDuckDb([...requests(after), ...requests(before, after)]);
    if (now === null) return test.skip('there is no such extension for this platform');
    expect(now).toEqual(said([before, after]));
  });

  it('hold the same for icebird, as far as it can tell, now and then', async () => {
    expect(await byIcebird([...requests(after), ...requests(before, after)])).toEqual(said([before, after], 'coarse'));
  });

  it('are pruned to the files of one day, and found by bounds that were cut', async () => {
    const [busiest] =
      await query(`SELECT CAST(CAST(order_purchase_timestamp AS DATE) AS VARCHAR) AS day, count(*)::INTEGER AS orders
      FROM silver.orders GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1`);
    const day = String(busiest?.['day']);
    const next = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
    const ofDay = (from: string, to: string): string =>
      `order_purchase_timestamp >= '${from}T00:00:00' and order_purchase_timestamp < '${to}T00:00:00'`;
    const [customer] = EDGE_EVENTS['orders']?.map((row) => row['customer_id']) ?? [];
    const plan = await askPython<Plan>('plan.py', {
      metadata: described('silver.orders').metadataLocation,
      filters: [ofDay(day, next), ofDay('1969-12-31', '1970-01-01'), `customer_id == '${customer}'`],
    });
    const [onDay, beforeEpoch, byText] = plan.scans;
    expect(plan.files).toBe(described('silver.orders').dataFiles);
    expect(onDay).toEqual({ files: expect.any(Number), rows: busiest?.['orders'] });
    expect(onDay?.files).toBeLessThan(10);
    expect(beforeEpoch?.rows).toBe(2);
    expect(beforeEpoch?.files).toBeLessThan(10);
    expect(byText).toEqual({ files: 1, rows: 1 });
  });

  it('have data files that are what the manifests say: sizes, counts, bounds, partitions, field ids', async () => {
    const audits = await askPython<Record<string, Audit & { files: number; bounds: number }>>('audit_files.py', everyTable());
    for (const { name, dataFiles } of all) {
      const { faults, files, bounds } = audits[name] ?? {};
      expect({ name, faults, files }).toEqual({ name, faults: [], files: dataFiles });
      expect(bounds).toBeGreaterThan(dataFiles);
    }
  });

  it('have manifests of the specification, to a reader that knows no Iceberg', async () => {
    const audits = await askPython<Record<string, Audit & { liveFiles: number; rows: number }>>('manifests.py', everyTable());
    for (const { name, dataFiles, rows } of all) {
      expect({ name, ...audits[name] }).toMatchObject({ name, faults: [], liveFiles: dataFiles, rows });
    }
  });
});
