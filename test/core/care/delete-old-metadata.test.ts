/** Which metadata files go where each commit writes one under a name of its own. */
import { utimes } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { deleteOldMetadata } from '../../../src/core/care/delete-old-metadata.js';
import { openFolderStore } from '../../../src/core/store/folder-store.js';
import type { Table } from '../../../src/core/table/table-api.js';
import { newTable } from '../../../src/core/table/new-table.js';
import { tempDir } from '../../support/temp-dir.js';
import { ORDERS } from '../table/orders-table.js';

const HOUR_MS = 3_600_000;
const FOLDER = 'silver/orders/metadata';

/** A table whose current metadata is `current`, with `log` behind it and these files, all two hours old but `young`. */
async function tableWith(files: readonly string[], current: string, log: readonly string[], young: readonly string[] = []) {
  const dir = await tempDir();
  const store = await openFolderStore(dir);
  for (const name of [...files, ...young]) await store.put(`${FOLDER}/${name}`, new TextEncoder().encode('{}'));
  const old = new Date(Date.now() - 2 * HOUR_MS);
  for (const name of files) await utimes(path.join(dir, FOLDER, name), old, old);
  const uri = (name: string): string => store.uri(`${FOLDER}/${name}`);
  const metadata = {
    ...newTable(ORDERS, store.uri('silver/orders'), 'uuid', 1),
    'metadata-log': log.map((name) => ({ 'metadata-file': uri(name), 'timestamp-ms': 1 })),
  };
  const table = {
    name: 'silver.orders',
    store,
    metadata: async () => ({ metadata, location: uri(current) }),
  } as unknown as Table;
  const left = async (): Promise<readonly string[]> => {
    const names: string[] = [];
    for await (const { key } of store.list(`${FOLDER}/`)) names.push(path.basename(key));
    return names;
  };
  return { table, left };
}

describe('old metadata files', () => {
  it('go when neither the table nor its log names them: also those of refused commits, and of another engine', async () => {
    const { table, left } = await tableWith(
      ['00001-a.metadata.json', '00002-b.metadata.json', '00003-c.metadata.json', '00003-refused.gz.metadata.json'],
      '00003-c.metadata.json',
      ['00002-b.metadata.json'],
    );
    expect(await deleteOldMetadata(table, Date.now(), { dryRun: true })).toBe(2);
    expect(await left()).toHaveLength(4);
    expect(await deleteOldMetadata(table, Date.now(), {})).toBe(2);
    expect(await left()).toEqual(['00002-b.metadata.json', '00003-c.metadata.json']);
  });

  it('stay while a commit may still make them current, however old they are', async () => {
    const { table, left } = await tableWith(['00003-c.metadata.json', '00004-asleep.metadata.json'], '00003-c.metadata.json', []);
    expect(await deleteOldMetadata(table, Date.now(), {})).toBe(0);
    expect(await left()).toHaveLength(2);
  });

  it("stay while they are young, and where the name is no one commit's own", async () => {
    const { table, left } = await tableWith(
      ['00009-i.metadata.json', 'v1.metadata.json', 'snap-1.avro', 'version-hint.text'],
      '00009-i.metadata.json',
      [],
      ['00001-young.metadata.json'],
    );
    expect(await deleteOldMetadata(table, Date.now(), {})).toBe(0);
    expect(await left()).toHaveLength(5);
  });
});
