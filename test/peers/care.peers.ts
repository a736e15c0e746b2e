/**
 * What pyiceberg, DuckDB's extension and icebird find after each operation of table care, against what `keystone query` answers. One lake
 * goes through all of them, in order; files of three partition specs and of two schemas lie beside each other in it.
 */
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import type { TableLayout } from '../../src/core/care/describe-layout.js';
import { runConsumer } from '../../src/core/consume/run-consumer.js';
import type { TableDescription } from '../../src/core/table/describe-table.js';
import { openLake } from '../support/violent-project.js';
import { askPython, peerPython } from './ask-python.js';
import { appendHour, hourText, ORDERS_PER_HOUR, PARTITIONS, PURCHASE_DAYS, SOURCES } from './care-events.js';
import type { TableRequest } from './icebird.js';
import { byDuckDb, byIcebird, byPyiceberg, type Fingerprints, keystone, lookAt, type Moment, requests, said } from './moment.js';
import type { TableFingerprint } from './table-fingerprint.js';

const SILVER = ['silver.orders', 'silver.order_items', 'silver.customers'];
const GOLD = ['gold.fact_sales', 'gold.daily_regional_sales'];
const TABLES = ['bronze.events', ...SILVER, 'quarantine.events', 'ledger.dispositions', ...GOLD];
const EVENTS_PER_HOUR = 3 * ORDERS_PER_HOUR + 1;

/** A contract's new optional column, as its file says it. */
const NEW_COLUMN = `      - name: order_channel
        description: Where the customer ordered
        logicalType: string
        physicalType: VARCHAR
`;

interface Plan {
  readonly files: number;
  readonly scans: readonly { readonly files: number; readonly rows: number }[];
}

interface Audit {
  readonly files: number;
  readonly bounds: number;
  readonly partitions: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

describe.skipIf(peerPython === null)('the tables under care, read by other programs', () => {
  let home = '';
  let dir = '';
  const moments = new Map<string, Moment>();
  /** What each reader found of all moments; DuckDB's stays empty where its extension does not exist. */
  const found: Record<'pyiceberg' | 'duckDb' | 'icebird', Record<string, TableFingerprint>> = {
    pyiceberg: {},
    duckDb: {},
    icebird: {},
  };
  let hasDuckDb = true;
  let layout: TableLayout;
  let bronzePlan: Plan;
  let ordersPlan: Plan;
  let audits: Readonly<Record<string, Audit>>;

  const moment = (label: string): Moment => moments.get(label) as Moment;
  const table = (label: string, name: string): TableDescription => moment(label).tables.get(name) as TableDescription;
  const look = async (label: string): Promise<Moment> => {
    const made = await lookAt(dir, label, TABLES);
    moments.set(label, made);
    return made;
  };
  const consume = async (): Promise<void> => {
    const lake = await openLake(dir);
    await runConsumer(lake, { untilCaughtUp: true, signal: new AbortController().signal });
    await lake.close();
  };
  const find = async (asked: readonly TableRequest[]): Promise<void> => {
    Object.assign(found.pyiceberg, await byPyiceberg(asked));
    Object.assign(found.icebird, await byIcebird(asked));
    const byDuck = await byDuckDb(asked);
    hasDuckDb = byDuck !== null;
    Object.assign(found.duckDb, byDuck);
  };
  const of = (label: string, name: string): string => `${label}.${name.replace('.', '_')}`;

  async function landUnderThreeSpecs(): Promise<void> {
    for (const hour of [8, 9]) {
      await appendHour(dir, hour);
      await consume();
    }
    await keystone(dir, 'gold', 'run');
    await look('landed');
    await keystone(dir, 'table', 'layout', 'bronze.events', '--to', 'hour');
    for (const hour of [10, 11]) await appendHour(dir, hour);
    await consume();
    await look('hours');
    await keystone(dir, 'table', 'layout', 'bronze.events', '--to', 'hour+bucket:4:source');
    for (const hour of [12, 13]) await appendHour(dir, hour);
    await consume();
    await look('buckets');
  }

  async function addColumn(): Promise<void> {
    const file = path.join(dir, 'contracts', 'orders.odcs.yaml');
    const contract = await readFile(file, 'utf8');
    const changed = contract
      .replace('version: 1.0.0', 'version: 1.1.0')
      .replace('      - name: order_purchase_timestamp\n', `${NEW_COLUMN}      - name: order_purchase_timestamp\n`);
    expect(changed).toContain('order_channel');
    await writeFile(file, changed);
    await appendHour(dir, 14, { order_channel: 'app' });
    await consume();
    await keystone(dir, 'gold', 'run');
    await look('wider');
  }

  async function compact(): Promise<void> {
    await keystone(dir, 'table', 'compact');
    const compacted = await look('compacted');
    layout = await keystone<TableLayout>(dir, 'table', 'layout', 'bronze.events');
    const { metadataLocation: bronze } = table('compacted', 'bronze.events');
    const ofHour = `log_time >= '${hourText(12)}' and log_time < '${hourText(13)}'`;
    const bySource = SOURCES.map((source) => `source == '${source}'`);
    const filters = [ofHour, ...bySource, ...bySource.map((filter) => `${ofHour} and ${filter}`)];
    bronzePlan = await askPython<Plan>('plan.py', { metadata: bronze, filters });
    const days = PURCHASE_DAYS.map((day) => {
      const next = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
      return `order_purchase_timestamp >= '${day}T00:00:00' and order_purchase_timestamp < '${next}T00:00:00'`;
    });
    const { metadataLocation: orders } = table('compacted', 'silver.orders');
    ordersPlan = await askPython<Plan>('plan.py', { metadata: orders, filters: days });
    const all = [...compacted.tables].map(([name, { metadataLocation: metadata }]) => ({ name, metadata }));
    audits = await askPython<Readonly<Record<string, Audit>>>('audit_files.py', all);
  }

  beforeAll(async () => {
    home = await mkdtemp(path.join(os.tmpdir(), 'keystone-peers-'));
    dir = path.join(home, 'lake one');
    await keystone(home, 'init', dir);
    await writeFile(path.join(dir, 'keystone.yaml'), 'version: 1\ncare:\n  automatic: false\nconsume:\n  leaseTtl: 5s\n');
    await landUnderThreeSpecs();
    await addColumn();
    await compact();
    const earlier = ['landed', 'hours', 'buckets', 'wider'].flatMap((label) => requests(moment(label), moment('compacted')));
    await find([...earlier, ...requests(moment('compacted'))]);

    await keystone(dir, 'table', 'rollback', 'gold.fact_sales', '--to', 'previous', '--yes');
    const back = table('buckets', 'silver.orders').currentSnapshotId ?? '';
    await keystone(dir, 'table', 'rollback', 'silver.orders', '--to', back, '--yes');
    const backward = await look('backward');
    await consume();
    await find([...requests(backward), ...requests(await look('again'))]);
    await keystone(dir, 'table', 'expire', '--keep', '1', '--older-than', '0s', '--force', '--yes');
    await find(requests(await look('expired')));

    const elsewhere = path.join(home, 'lake two');
    await rename(dir, elsewhere);
    dir = elsewhere;
    await keystone(dir, 'table', 'relocate');
    await find(requests(await look('moved')));
  });

  afterAll(async () => {
    await rm(home, { recursive: true, force: true });
  });

  /** All readers found of these moments what Keystone said in them. */
  function expectFound(test: TestContext, ...labels: readonly string[]): void {
    for (const label of labels) {
      const ofMoment = (all: Fingerprints): Fingerprints =>
        Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith(`${label}.`)));
      expect(ofMoment(found.pyiceberg)).toEqual(said([moment(label)]));
      expect(ofMoment(found.icebird)).toEqual(said([moment(label)], 'coarse'));
      if (hasDuckDb) expect(ofMoment(found.duckDb)).toEqual(said([moment(label)]));
      else void test.annotate('DuckDB has no such extension for this platform');
    }
  }

  /** Digests of whole tables, which two moments share when their rows are the same. */
  const digests = (label: string, names: readonly string[]): readonly unknown[] =>
    names.map((name) => said([moment(label)])[of(label, name)]?.digest);
  const dataFiles = (label: string, name: string): number => table(label, name).dataFiles;

  it('hold the same rows after table compact, in fewer files', (test) => {
    expectFound(test, 'compacted');
    expect(digests('compacted', TABLES)).toEqual(digests('wider', TABLES));
    for (const name of ['bronze.events', ...SILVER]) expect(dataFiles('compacted', name)).toBeLessThan(dataFiles('wider', name));
  });

  it('hold at their snapshots before compaction what Keystone said then', (test) => {
    expectFound(test, 'landed', 'hours', 'buckets', 'wider');
    expect(new Set(['landed', 'hours', 'buckets', 'wider'].flatMap((label) => digests(label, ['bronze.events']))).size).toBe(4);
  });

  it('hold files of three partition specs, and are planned under each of them', () => {
    // Files of bronze are of one topic-partition each, merged ones too.
    const [byDay, byHour, byBucket] = layout.specs;
    expect(layout.specs.map(({ files, rows }) => [files, rows])).toEqual([
      [PARTITIONS, 2 * EVENTS_PER_HOUR],
      [2 * PARTITIONS, 2 * EVENTS_PER_HOUR],
      [expect.any(Number), 3 * EVENTS_PER_HOUR],
    ]);
    const bucketFiles = (byBucket?.files ?? 0) / 3;
    expect(bucketFiles / PARTITIONS).toBeGreaterThan(1);
    expect(audits['bronze.events']?.partitions).toEqual({
      log_time_day: byDay?.files,
      log_time_hour: (byHour?.files ?? 0) + (byBucket?.files ?? 0),
      source_bucket: byBucket?.files,
    });
    const [ofHour, ...bySource] = bronzePlan.scans;
    expect(bronzePlan.files).toBe(dataFiles('compacted', 'bronze.events'));
    expect(ofHour).toEqual({ files: bucketFiles, rows: EVENTS_PER_HOUR });
    for (const [n] of SOURCES.entries()) {
      const rows = Math.ceil((EVENTS_PER_HOUR - n) / SOURCES.length);
      // The files by day and by hour hold every source; of those by bucket one for each hour and topic-partition can hold it.
      expect(bySource[n]).toEqual({ files: (1 + 2 + 3) * PARTITIONS, rows: 7 * rows });
      expect(bySource[SOURCES.length + n]).toEqual({ files: PARTITIONS, rows });
    }
  });

  it('have partition values and bounds that the readers compute alike, buckets too', () => {
    for (const name of TABLES) {
      const { faults, files, bounds } = audits[name] ?? {};
      expect({ name, faults, files }).toEqual({ name, faults: [], files: dataFiles('compacted', name) });
      expect(bounds).toBeGreaterThan(0);
    }
  });

  it('are pruned to one file for a day of silver.orders after compaction', () => {
    expect(ordersPlan.files).toBe(PURCHASE_DAYS.length);
    const rows = (7 * ORDERS_PER_HOUR) / PURCHASE_DAYS.length;
    expect(ordersPlan.scans).toEqual(PURCHASE_DAYS.map(() => ({ files: 1, rows })));
  });

  it('have the column that the contract gained: null in older rows', (test) => {
    expectFound(test, 'wider');
    const { rows, columns } = found.pyiceberg[of('wider', 'silver.orders')] ?? {};
    expect(rows).toBe(7 * ORDERS_PER_HOUR);
    expect(columns?.['order_channel']?.values).toBe(ORDERS_PER_HOUR);
    expect(found.pyiceberg[of('buckets', 'silver.orders')]?.columns).not.toHaveProperty('order_channel');
  });

  it('go back with table rollback, and forward again with the consumer', (test) => {
    expectFound(test, 'backward', 'again');
    // The new column stays, empty.
    for (const name of SILVER)
      expect(found.pyiceberg[of('backward', name)]?.columns).toMatchObject(
        said([moment('buckets')])[of('buckets', name)]?.columns ?? {},
      );
    expect(found.pyiceberg[of('backward', 'silver.orders')]?.columns['order_channel']?.values).toBe(0);
    expect(digests('backward', ['gold.fact_sales'])).toEqual(digests('landed', ['gold.fact_sales']));
    expect(digests('backward', ['bronze.events'])).toEqual(digests('compacted', ['bronze.events']));
    expect(digests('again', SILVER)).toEqual(digests('compacted', SILVER));
  });

  it('hold the same rows after table expire', (test) => {
    expectFound(test, 'expired');
    expect(digests('expired', TABLES)).toEqual(digests('again', TABLES));
    // More than one stays: the account needs the state before the last range, and a rollback took others from readers.
    const kept = (name: string): readonly number[] => ['again', 'expired'].map((label) => table(label, name).snapshots);
    for (const [before = 0, after = 0] of ['bronze.events', ...SILVER].map(kept)) expect(after).toBeLessThan(before);
  });

  it('hold the same rows where table relocate found them', (test) => {
    expectFound(test, 'moved');
    expect(digests('moved', TABLES)).toEqual(digests('again', TABLES));
    for (const name of TABLES) expect(table('moved', name).metadataLocation).toContain('lake two');
  });
});
