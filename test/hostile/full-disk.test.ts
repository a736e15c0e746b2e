/**
 * A disk that is full at every step of the way: each command says what could not be written and why, loses nothing, and goes on when
 * there is room again. Needs a tmpfs of its own (root).
 */
import { cp, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runConsumer } from '../../src/core/consume/run-consumer.js';
import { isKeystoneError } from '../../src/core/errors.js';
import { planGold, runGold } from '../../src/core/gold/run-gold.js';
import { decodeReceipt } from '../../src/core/ingest/grpc/ingestion-v1-codec.js';
import { runCsv } from '../../src/core/ingest/files/run-csv.js';
import { initProject } from '../../src/core/init/init-project.js';
import { verifyLedger } from '../../src/core/ledger/verify.js';
import type { Lakehouse } from '../../src/core/lakehouse.js';
import { runPipeline } from '../../src/core/pipeline.js';
import { validatePartition } from '../../src/core/quality/validate-partition.js';
import { openDoor, sendOne } from '../support/ingest-door.js';
import { smallDisk, type SmallDisk } from '../support/small-disk.js';
import { tempDir } from '../support/temp-dir.js';
import { appendMixed, catchUp, contentsOf, openLake } from '../support/violent-project.js';

const SOAK = process.env['KEYSTONE_SOAK'] === '1';
const EVENTS = 180;
const KB = 1024;
/** Codes of what stands outside: exit code 5. */
const OUTSIDE = ['KS_STORE', 'KS_LOG', 'KS_STATE', 'KS_ENGINE'];
const SAYS_SO = /ENOSPC|no space left|disk is full/i;

const disk = await smallDisk(64 * KB * KB);
if (!disk) console.warn('test/hostile/full-disk: skipped, for no tmpfs can be mounted here (that needs root)');

interface End {
  readonly freeKb: number;
  /** `done`, or the error's code. */
  readonly code: string;
  readonly message: string;
}

describe.skipIf(!disk)('a full disk (needs root)', { timeout: 180_000 }, () => {
  const { dir, leave, release } = disk as SmallDisk;
  const signal = new AbortController().signal;
  let appended = 0;
  const configure = (flushRows: number): Promise<void> =>
    writeFile(
      path.join(dir, 'keystone.yaml'),
      `version: 1\nconsume: { leaseTtl: 1s, flushRows: ${flushRows} }\nprofiles: { local: { engine: { memory: 64MB } } }\n`,
    );
  beforeAll(async () => {
    await configure(60);
    await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
    await cp(path.resolve('templates/models'), path.join(dir, 'models'), { recursive: true });
    await appendMixed(dir, { events: EVENTS, seed: 71 });
    appended = EVENTS;
  });
  beforeEach(release);
  afterAll(() => disk?.remove());

  const withLake = async <T>(work: (lake: Lakehouse) => Promise<T>): Promise<T> => {
    const lake = await openLake(dir);
    try {
      return await work(lake);
    } finally {
      await lake.close();
    }
  };

  /** What `work` ends with when so much is free; each time with a fresh lakehouse, as a new process has it. */
  const attempt = async (freeKb: number, work: (lake: Lakehouse) => Promise<unknown>): Promise<End> => {
    await leave(freeKb * KB);
    try {
      await withLake(work);
      return { freeKb, code: 'done', message: '' };
    } catch (error) {
      if (!isKeystoneError(error)) throw error;
      expect(OUTSIDE, `${freeKb} KB: ${error.message}`).toContain(error.code);
      expect(error.exitCode).toBe(5);
      expect(error.message, String(freeKb)).toMatch(SAYS_SO);
      expect(error.hint, error.message).toMatch(/free|space/i);
      return { freeKb, code: error.code, message: error.message };
    } finally {
      await release();
    }
  };
  const sweep = async (sizesKb: readonly number[], work: (lake: Lakehouse) => Promise<unknown>): Promise<readonly End[]> => {
    const ends: End[] = [];
    for (const freeKb of sizesKb) ends.push(await attempt(freeKb, work));
    return ends;
  };
  const consume = (lake: Lakehouse): Promise<unknown> => runConsumer(lake, { untilCaughtUp: true, signal });
  const account = (): ReturnType<typeof verifyLedger> => withLake((lake) => verifyLedger(lake, { deep: true }));
  const expectWhole = async (): Promise<void> => {
    expect(await account()).toMatchObject({ closed: true, breaks: [], totals: { bronze: appended, pending: 0, unprocessed: 0 } });
  };

  it('stops consume run at every stage, and the tables become what they would have been', async () => {
    const undisturbed = await tempDir();
    await cp(dir, undisturbed, { recursive: true });
    const ends: End[] = [];
    for (const freeKb of SOAK ? Array.from({ length: 120 }, (_, n) => n * 4) : [0, 24, 48, 72, 104, 136, 176, 216, 264, 320]) {
      ends.push(await attempt(freeKb, consume));
      if (SOAK || freeKb === 136) expect((await account()).breaks, `after ${freeKb} KB`).toEqual([]);
    }
    expect(ends.filter(({ code }) => code !== 'done').length, JSON.stringify(ends)).toBeGreaterThan(5);
    expect(new Set(ends.map(({ code }) => code))).toEqual(
      new Set(['KS_LOG', 'KS_STATE', 'KS_STORE', ...ends.map(({ code }) => code)]),
    );
    await withLake(consume);
    await expectWhole();
    await catchUp(undisturbed);
    expect(await contentsOf(dir)).toEqual(await contentsOf(undisturbed));
  });

  it('stops gold run and pipeline run, and both finish later', async () => {
    const ends = await sweep([0, 8, 24, 48, 72], (lake) => runGold(lake));
    expect(ends.filter(({ code }) => code !== 'done').length, JSON.stringify(ends)).toBeGreaterThan(2);
    await sweep([0, 4, 16, 40], (lake) => runPipeline(lake));
    expect(await withLake((lake) => runPipeline(lake))).toMatchObject({ runId: expect.any(String) as string });
    const plan = await withLake((lake) => planGold(lake));
    expect(plan.models.filter(({ action }) => action !== 'none' && action !== 'note')).toEqual([]);
  });

  it('lets validation and the account answer, or says why they cannot', async () => {
    await sweep([0, 8, 64], (lake) => verifyLedger(lake, { deep: true }));
    await sweep([0, 8, 64], (lake) => validatePartition(lake, { dataset: 'orders', partition: 'all' }));
    await expectWhole();
  });

  it('ends a query that must spill by saying so', async () => {
    const spilling = 'SELECT count(*) AS n FROM (SELECT md5(i::VARCHAR) AS h FROM range(3000000) t(i) GROUP BY 1)';
    const [end] = await sweep([256], async (lake) => (await lake.engine()).query(spilling));
    expect(end).toMatchObject({ code: 'KS_ENGINE', message: expect.stringContaining('no space left on the disk') as string });
    const small = 'SELECT count(*) AS n FROM bronze.events';
    expect(await withLake(async (lake) => (await (await lake.engine()).query(small)).rows)).toEqual([{ n: appended }]);
  });

  it('keeps of a CSV file what was acknowledged, and the rest comes with the same command', async () => {
    const rows = Array.from({ length: 1_500 }, (_, n) => `z${n},c${n},created,2017-10-02 10:56:33,,,,`);
    const header =
      'order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date';
    const file = path.join(await tempDir(), 'olist_orders_dataset.csv');
    await writeFile(file, [header, ...rows, ''].join('\n'));
    const ingest = async (lake: Lakehouse): Promise<void> => {
      const result = await runCsv(lake, {
        paths: [file],
        dataset: 'orders',
        destination: { kind: 'log' },
        dryRun: false,
        progress: () => undefined,
        signal,
      });
      expect(result).toMatchObject({ rows: rows.length, refused: 0 });
    };
    const held = (): Promise<number> =>
      withLake(async (lake) =>
        (await (await lake.log()).bounds('olist-enterprise-events')).reduce(
          (sum, one) => sum + one.endOffset - one.startOffset,
          0,
        ),
      );
    const before = await held();
    const ends = await sweep([0, 64, 160], ingest);
    expect(ends.filter(({ code }) => code === 'KS_LOG').length, JSON.stringify(ends)).toBeGreaterThan(1);
    await withLake(ingest);
    appended = await held();
    await configure(10_000);
    expect(appended).toBeGreaterThanOrEqual(before + rows.length);
    await withLake(consume);
    await expectWhole();
    const sql = `SELECT count(DISTINCT event_id) AS n FROM bronze.events WHERE TRY(decode(payload)) LIKE '{"order_id":"z%'`;
    const counted = await withLake(async (lake) => (await lake.engine()).query(sql));
    expect(counted.rows).toEqual([{ n: rows.length }]);
  });

  it('makes a server refuse with RESOURCE_EXHAUSTED until there is room, and what it acknowledged is there', async () => {
    const lake = await openLake(dir);
    try {
      const topic = lake.config.profile.log.topic;
      const log = await lake.log();
      const door = await openDoor({ log, topic, partitions: 3 });
      const client = door.connect();
      const acknowledged: { readonly partition: number; readonly offset: number; readonly eventId: string }[] = [];
      const refused: number[] = [];
      const send = async (n: number): Promise<void> => {
        const answer = await sendOne(client, {
          eventId: `full-${n}`,
          payload: Buffer.from(`{"n":${n},"pad":"${'x'.repeat(3_000)}"}`),
        });
        if (!Buffer.isBuffer(answer)) {
          refused.push((answer as { readonly code: number }).code);
          return;
        }
        const receipt = decodeReceipt(answer);
        if (receipt.kind === 'message') acknowledged.push(receipt.message);
      };
      await send(0);
      await leave(48 * KB);
      for (let n = 1; n <= 60; n++) await send(n);
      const before = refused.length;
      expect(before).toBeGreaterThan(0);
      expect(new Set(refused)).toEqual(new Set([8]));
      await release();
      for (let n = 61; n <= 70; n++) await send(n);
      expect(refused.length).toBe(before);
      for (const { partition, offset, eventId } of acknowledged) {
        const { records } = await log.read(topic, partition, offset, { maxRecords: 1, maxBytes: 100_000 });
        const header = records[0]?.headers.find(({ key }) => key === 'ks-event-id');
        expect(Buffer.from(header?.value ?? []).toString()).toBe(eventId);
      }
      expect(acknowledged.length).toBe(71 - before);
      appended += acknowledged.length;
    } finally {
      await lake.close();
    }
    await withLake(consume);
    await expectWhole();
  });

  it('leaves no half-written file of a new project, and init goes on', async () => {
    const project = path.join(dir, 'new');
    for (const freeKb of [0, 12, 40]) {
      await leave(freeKb * KB);
      await expect(initProject({ dir: project })).rejects.toMatchObject({
        code: 'KS_STORE',
        hint: expect.stringMatching(/full/) as string,
      });
      const names = await readdir(project, { recursive: true });
      expect(names.filter((name) => name.endsWith('.unfinished'))).toEqual([]);
    }
    await release();
    const { files } = await initProject({ dir: project });
    expect(new Set(files.map(({ action }) => action))).toEqual(new Set(['create', 'unchanged']));
    expect((await initProject({ dir: project })).files.every(({ action }) => action === 'unchanged')).toBe(true);
  });
});
