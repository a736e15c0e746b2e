import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { runCsv } from '../../../src/core/ingest/files/run-csv.js';
import { silverLake } from '../../support/silver-lake.js';
import { tempDir } from '../../support/temp-dir.js';
import { consume, rows } from '../silver/consume-support.js';

/** Ingests `text` as orders and consumes it. */
async function bring(lake: Lakehouse, text: string): Promise<void> {
  const file = path.join(await tempDir(), 'orders.csv');
  await writeFile(file, text);
  const { signal } = new AbortController();
  const destination = { kind: 'log' } as const;
  await runCsv(lake, { paths: [file], dataset: undefined, destination, dryRun: false, progress: () => undefined, signal });
  await consume(lake);
}
const verdicts = async (lake: Lakehouse): Promise<unknown> =>
  (await rows(lake, 'SELECT verdict, count(*)::INT AS n FROM ledger.dispositions GROUP BY verdict ORDER BY verdict')).map((row) =>
    Object.values(row),
  );
const ROW = 'o1,delivered,c1,2017-10-02 10:56:33,2017-10-10 21:25:13\n';
const header = (second: string, third: string): string =>
  `order_id,${second},${third},order_purchase_timestamp,order_delivered_customer_date\n`;

describe('a CSV file that comes again corrected', () => {
  it('replaces what its wrong header put in the lake; the same file and other quoting add nothing', async () => {
    const lake = await silverLake();
    const orders = (): Promise<unknown> => rows(lake, 'SELECT order_id, customer_id FROM silver.orders');
    // A name that the contract does not know, and one too few: quarantined for want of a customer.
    await bring(lake, header('order_status', 'custmer_id') + ROW);
    expect(await verdicts(lake)).toEqual([['quarantined', 1]]);
    await bring(lake, header('customer_id', 'order_status') + ROW);
    expect(await orders()).toEqual([{ order_id: 'o1', customer_id: 'delivered' }]);
    await bring(lake, header('order_status', 'customer_id') + ROW);
    await bring(lake, header('"order_status"', 'customer_id') + ROW.replace('o1', '"o1"'));
    expect(await orders()).toEqual([{ order_id: 'o1', customer_id: 'c1' }]);
    expect(await verdicts(lake)).toEqual([
      ['duplicate', 1],
      ['quarantined', 1],
      ['superseded', 1],
    ]);
  });
});
