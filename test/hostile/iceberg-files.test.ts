/** Metadata, manifest lists and manifests that are cut off, damaged, or written by somebody who means harm. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isKeystoneError } from '../../src/core/errors.js';
import { openFolderStore } from '../../src/core/store/folder-store.js';
import type { ObjectStore } from '../../src/core/store/object-store.js';
import { type AvroSchema, decodeAvro, encodeAvro } from '../../src/core/table/avro-file.js';
import { openFolderCatalog } from '../../src/core/table/folder-catalog.js';
import { canonicalNames } from '../../src/core/table/manifest-schema.js';
import { ensureTable, openTable } from '../../src/core/table/table.js';
import { systemEffects } from '../support/effects.js';
import { ORDERS, bareFile } from '../core/table/orders-table.js';
import { bounded, damagedBytes, damagedValue } from './hostile-input.js';

type Part = 'metadata' | 'list' | 'manifest';

const fence = (from: number, to: number) => ({ ranges: [{ topic: 't', partition: 0, expectedNext: from, endExclusive: to }] });

describe('an Iceberg table whose files are damaged', () => {
  let dir: string;
  let store: ObjectStore;
  let keys: Record<Part, string>;
  let whole: Record<Part, Buffer>;
  const ROWS = 17;
  const FILES = 4;

  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
    store = await openFolderStore(dir);
    const table = await ensureTable(openFolderCatalog(store), store, ORDERS, systemEffects());
    const file = (name: string, rows: number) => ({
      ...bareFile(table, name, rows),
      metrics: {
        valueCounts: new Map([[1, rows]]),
        nullCounts: new Map([[1, 0]]),
        lowerBounds: new Map([[1, Buffer.from('a')]]),
        upperBounds: new Map([[1, Buffer.from('z')]]),
      },
    });
    await table.commit({ add: [file('a', 1), file('b', 2), file('gone', 5)], fence: fence(0, 1) });
    await table.commit({ add: [file('c', 4)], remove: [file('gone', 5).path], fence: fence(1, 2) });
    await table.commit({ add: [file('d', 10)], fence: fence(2, 3) });
    const { metadata, location } = await table.metadata();
    const snapshot = metadata.snapshots?.find((one) => one['snapshot-id'] === metadata['current-snapshot-id']);
    const list = snapshot?.['manifest-list'] ?? '';
    const bytesAt = async (key: string): Promise<Buffer> => Buffer.from((await store.get(key))?.body ?? []);
    const listBytes = await bytesAt(store.keyOf(list));
    const { records } = decodeAvro(listBytes, 'list', canonicalNames);
    const largest = (records as { readonly manifest_path: string; readonly manifest_length: number }[]).toSorted(
      (a, b) => b.manifest_length - a.manifest_length,
    )[0];
    keys = {
      metadata: store.keyOf(location),
      list: store.keyOf(list),
      manifest: store.keyOf(largest?.manifest_path ?? ''),
    };
    whole = { metadata: await bytesAt(keys.metadata), list: listBytes, manifest: await bytesAt(keys.manifest) };
  });

  afterAll(() => rm(dir, { recursive: true, force: true }));

  /** What a process that never saw the table finds in it, with one file's bytes replaced. */
  const look = async (part: Part, bytes: Buffer): Promise<string> => {
    const damaged: ObjectStore = {
      ...store,
      get: async (key) => (key === keys[part] ? { body: bytes, etag: 'x' } : store.get(key)),
    };
    try {
      const table = await openTable(openFolderCatalog(damaged), damaged, 'silver.orders', systemEffects());
      if (!table) return 'no table';
      await table.state();
      await table.scan({ bounds: [{ column: 'order_id', min: 'b', max: 'c' }] });
      const { files, recordCount } = await table.scan();
      return `${files.length} files, ${recordCount} rows`;
    } catch (error) {
      if (isKeystoneError(error)) return error.code;
      throw error;
    }
  };
  const RIGHT = `${FILES} files, ${ROWS} rows`;
  const REFUSED = ['KS_TABLE_CORRUPT', 'KS_TABLE_UNSUPPORTED', 'KS_STORE'];

  it.each(['metadata', 'list', 'manifest'] as const)('%s: read when whole, refused when cut off anywhere', async (part) => {
    expect(await look(part, whole[part])).toBe(RIGHT);
    const size = whole[part].length;
    const step = Math.max(1, Math.floor(size / 300));
    // Emptied metadata is what `table expire` leaves of old versions; the newest one never may be.
    for (let end = 0; end < size; end += step) {
      const found = await look(part, whole[part].subarray(0, end));
      expect({ end, found }).toEqual({ end, found: 'KS_TABLE_CORRUPT' });
    }
  });

  it.each(['list', 'manifest'] as const)('%s: no damage shows other rows', async (part) => {
    await fc.assert(
      fc.asyncProperty(damagedBytes(whole[part]), async (bytes) => {
        expect([RIGHT, ...REFUSED]).toContain(await look(part, bytes));
      }),
      bounded(500, 4_000),
    );
  });

  it.each(['list', 'manifest'] as const)('%s: damage below the compression is bounded in time and memory', async (part) => {
    const { header, sync, body } = blockOf(whole[part]);
    await fc.assert(
      fc.asyncProperty(damagedBytes(body), fc.integer({ min: 1, max: 3 }), async (damaged, count) => {
        const stored = deflateRawSync(damaged);
        const bytes = Buffer.concat([header, zigzag(count), zigzag(stored.length), stored, sync]);
        expect([RIGHT, ...REFUSED]).toContain(await look(part, bytes));
      }),
      bounded(500, 4_000),
    );
  });

  it('takes no memory for counts and lengths that nothing stands behind', () => {
    const schema = {
      type: 'record',
      name: 'r',
      fields: [
        { name: 'a', type: { type: 'array', items: 'long' } },
        { name: 'b', type: 'bytes' },
      ],
    };
    const empty = { type: 'record', name: 'r', fields: [] };
    const refused = expect.objectContaining({ code: 'KS_TABLE_CORRUPT' });
    const file = (of: AvroSchema, records: number, body: Buffer): Buffer => {
      const { header, sync } = blockOf(Buffer.from(encodeAvro(of, [], {})));
      const stored = deflateRawSync(body);
      return Buffer.concat([header, zigzag(records), zigzag(stored.length), stored, sync]);
    };
    for (const size of [3, 100, 1e6, 2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER / 4]) {
      expect(() => decodeAvro(file(schema, 1, zigzag(size)), 'f', canonicalNames), `items ${size}`).toThrow(refused);
      const long = Buffer.concat([zigzag(0), zigzag(size)]);
      expect(() => decodeAvro(file(schema, 1, long), 'f', canonicalNames), `bytes ${size}`).toThrow(refused);
      expect(() => decodeAvro(file(schema, size, Buffer.alloc(0)), 'f', canonicalNames), `records ${size}`).toThrow(refused);
      expect(() => decodeAvro(file(empty, size, Buffer.alloc(0)), 'f', canonicalNames), `nothings ${size}`).toThrow(refused);
    }
    // A compressed block that unfolds to more than any manifest has.
    const bomb = file(schema, 1, Buffer.alloc(64_000_000));
    expect(() => decodeAvro(bomb, 'f', canonicalNames)).toThrow(refused);
  });

  it('metadata with values of other kinds in it is refused or read, and never crashes', async () => {
    const stored = JSON.parse(whole.metadata.toString()) as object;
    await fc.assert(
      fc.asyncProperty(damagedValue(stored), async (value) => {
        const found = await look('metadata', Buffer.from(JSON.stringify(value) ?? ''));
        expect(found).toMatch(/^(no table|KS_TABLE_CORRUPT|KS_TABLE_UNSUPPORTED|KS_STORE|KS_NOT_FOUND|\d files, \d+ rows)$/);
      }),
      bounded(500, 4_000),
    );
  });

  it.each([
    [
      'a snapshot is its own ancestor',
      (text: string) => text.replaceAll(/"parent-snapshot-id":\d+/g, `"parent-snapshot-id":${current(text)}`),
    ],
    ['the current snapshot is not there', (text: string) => text.replace(/"current-snapshot-id":\d+/, '"current-snapshot-id":5')],
    [
      'its schema is nested without end',
      (text: string) =>
        text.replace(
          '"fields":[',
          `"fields":[{"id":9,"name":"n","required":false,"type":${'{"type":"list","element-id":1,"element":'.repeat(20_000)}"int"${'}'.repeat(20_000)}},`,
        ),
    ],
  ])('is refused when %s', async (_, damage) => {
    const text = damage(whole.metadata.toString());
    expect(text).not.toBe(whole.metadata.toString());
    expect(await look('metadata', Buffer.from(text))).toMatch(/^KS_TABLE_(CORRUPT|UNSUPPORTED)$/);
  });
});

const current = (text: string): string => /"current-snapshot-id":(\d+)/.exec(text)?.[1] ?? '';

/** Header, sync marker and unfolded body of an Avro file with one block or none. */
function blockOf(file: Buffer): { readonly header: Buffer; readonly sync: Buffer; readonly body: Buffer } {
  const sync = file.subarray(-16);
  const end = file.indexOf(sync) + 16;
  const header = file.subarray(0, end);
  if (end === file.length) return { header, sync, body: Buffer.alloc(0) };
  let at = end;
  for (let numbers = 0; numbers < 2; at++) if ((file[at] ?? 0) < 128) numbers += 1;
  return { header, sync, body: inflateRawSync(file.subarray(at, -16)) };
}

function zigzag(count: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(Math.floor(count)) * 2n;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}
