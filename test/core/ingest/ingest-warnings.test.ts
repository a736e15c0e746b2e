import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCsv, type RunCsvResult } from '../../../src/core/ingest/files/run-csv.js';
import type { RunReplayResult } from '../../../src/core/replay/run-replay.js';
import { silverLake } from '../../support/silver-lake.js';
import { tempDir } from '../../support/temp-dir.js';
import { replay as replayOf } from '../replay/replay-project.js';

const { signal } = new AbortController();
const common = { destination: { kind: 'log' }, dryRun: true, progress: () => undefined, signal } as const;

async function file(name: string, content: string | Buffer): Promise<string> {
  const given = path.join(await tempDir(), name);
  await writeFile(given, content);
  return given;
}
const csv = async (given: string, dataset?: string): Promise<RunCsvResult> =>
  runCsv(await silverLake(), { ...common, paths: [given], dataset });
const replay = async (given: string, dataset?: string): Promise<RunReplayResult> =>
  replayOf(await silverLake(), { sources: [given], dataset, dryRun: true });

describe('warnings of a file that is ingested', () => {
  it('are none where header and contract fit', async () => {
    const given = await file('orders.csv', 'order_id,customer_id,order_purchase_timestamp\na,b,2017-10-02 00:00:00\n');
    expect((await csv(given)).warnings).toEqual([]);
    expect((await replay(given)).warnings).toEqual([]);
  });

  it('name a header that is separated otherwise, shares no column, or lacks one that each row needs', async () => {
    for (const [header, told] of [
      ['order_id;customer_id', 'semicolons'],
      ['order_id\tcustomer_id', 'tabs'],
      ['a,b', 'shares no column with the contract orders'],
      ['order_id,custmer_id,order_purchase_timestamp', 'needs of each row: customer_id (is it "custmer_id"?)'],
    ] as const) {
      const given = await file('orders.csv', `${header}\n1\n`);
      expect((await csv(given)).warnings).toEqual([expect.stringContaining(told)]);
      expect((await replay(given)).warnings).toEqual([expect.stringContaining(told)]);
    }
  });

  it('name a dataset without contract, a file without rows and a folder without files', async () => {
    const empty = await file('orders.csv', 'order_id,customer_id,order_purchase_timestamp\n');
    expect((await csv(empty)).warnings).toEqual([`${empty} holds no rows`]);
    expect((await replay(empty)).warnings).toEqual([`${empty} holds no events`]);
    const unknown =
      'there is no contract for the dataset ordrs: its events go to quarantine as unknown_dataset; did you mean orders?';
    const rows = await file('orders.csv', 'order_id\n1\n');
    expect((await csv(rows, 'ordrs')).warnings).toEqual([unknown]);
    expect((await replay(await file('a.ndjson', '{}\n'), 'ordrs')).warnings).toEqual([unknown]);
    const folder = path.join(await tempDir(), 'in');
    await mkdir(folder);
    expect((await csv(folder)).warnings).toEqual([`${folder} holds no CSV file of a known dataset`]);
    await writeFile(path.join(folder, 'orders.csv'), 'order_id,customer_id,order_purchase_timestamp\na,b,c\n');
    expect((await csv(`${folder}/`)).warnings).toEqual([]);
  });

  it('fail a .gz that is no gzip', async () => {
    const given = await file('orders.csv.gz', 'order_id\n1\n');
    expect((await csv(given)).files).toMatchObject([
      { status: 'failed', rows: 0, message: expect.stringContaining('is no gzip file') as string },
    ]);
    await expect(replay(given)).rejects.toMatchObject({ code: 'KS_CHECK_FAILED' });
  });

  it('count the lines that are too long to send and name where they are', async () => {
    const given = await file('orders.ndjson', `{"a":1}\n${'x'.repeat(5_000_000)}\n{"a":2}\n`);
    expect(await replay(given)).toMatchObject({
      events: 2,
      failedLines: 1,
      warnings: [expect.stringContaining(`${given}, line 2 is left out: it is longer than 4194304 bytes`) as string],
    });
  });
});
