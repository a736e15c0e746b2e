import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDuckEngine } from '../../../../src/core/engine/duckdb/duck-engine.js';
import type { Lakehouse } from '../../../../src/core/lakehouse.js';
import { putSilver, silverLake } from '../../../support/silver-lake.js';

const ORDERS = `SELECT 'o' || i AS order_id, md5(i::VARCHAR) AS customer_id, TIMESTAMP '2017-10-02 10:56:33' AS order_purchase_timestamp FROM range(5000) t(i)`;

describe('a data file that cannot be read', () => {
  let lakehouse: Lakehouse;
  let file: string;
  let whole: Buffer;
  const cleanUps: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    lakehouse = await silverLake({}, (cleanUp) => cleanUps.push(cleanUp));
    await putSilver(lakehouse, 'orders', ORDERS);
    const scan = await (await lakehouse.table('silver.orders'))?.scan();
    file = scan?.files[0]?.path ?? '';
    whole = await readFile(file);
  });
  beforeEach(async () => writeFile(file, whole));
  afterAll(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  /** By an engine of its own, which has read nothing yet. */
  const ask = async (sql: string): Promise<unknown> => {
    const engine = await openDuckEngine({
      session: await lakehouse.duck(),
      tableNames: lakehouse.tableNames,
      table: lakehouse.table,
      store: await lakehouse.store(),
      readableFolders: [lakehouse.config.profile.store.path],
    });
    try {
      return await engine.query(sql);
    } finally {
      await engine.close();
    }
  };
  const SUM = 'SELECT max(customer_id) AS c FROM silver.orders';

  const corrupt = {
    code: 'KS_TABLE_CORRUPT',
    exitCode: 3,
    message: expect.stringContaining('silver.orders'),
    hint: 'keystone ledger verify --deep',
    details: { table: 'silver.orders', file: expect.stringMatching(/^silver\/orders\/data\/.*\.parquet$/) },
  };

  it('is named with its table when it is missing', async () => {
    await rm(file);
    await expect(ask(SUM)).rejects.toMatchObject(corrupt);
  });

  it.each([0, 5, 1000])('is named with its table when it ends after %d bytes', async (size) => {
    await writeFile(file, whole.subarray(0, size));
    await expect(ask(SUM)).rejects.toMatchObject(corrupt);
  });

  it('leads to its table when its bytes are others', async () => {
    await writeFile(file, Buffer.from(whole).fill(0x55, 100, Math.floor(whole.length / 2)));
    await expect(ask(SUM)).rejects.toMatchObject({ ...corrupt, details: expect.anything() });
  });

  it('is also named when it goes between two queries of one engine', async () => {
    const engine = await lakehouse.engine();
    await engine.query(SUM);
    await rm(file);
    await expect(engine.query(SUM)).rejects.toMatchObject(corrupt);
  });

  it('is not blamed for a statement that speaks of it', async () => {
    await expect(ask(`SELECT CAST('${file}' AS INTEGER) FROM silver.orders`)).rejects.toMatchObject({ code: 'KS_SQL' });
  });
});
