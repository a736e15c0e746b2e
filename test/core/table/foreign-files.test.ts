/** Metadata and Avro files as pyiceberg 0.12.0 wrote them (test/core/table/pyiceberg), and what other writers may do besides. */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { decodeAvro, encodeAvro } from '../../../src/core/table/avro-file.js';
import { readManifest } from '../../../src/core/table/manifest.js';
import { MANIFEST_LIST_SCHEMA, type ManifestFile, avroName, canonicalNames } from '../../../src/core/table/manifest-schema.js';
import { decodeBound } from '../../../src/core/table/single-value.js';
import { parseMetadata } from '../../../src/core/table/table-metadata.js';
import { bareFile, freshTable } from './orders-table.js';

const golden = (name: string): Promise<Buffer> => readFile(path.join(import.meta.dirname, 'pyiceberg', name));

it("reads another engine's metadata, manifest list and manifest", async () => {
  const metadata = parseMetadata((await golden('metadata.json')).toString(), 'metadata.json');
  const { records } = decodeAvro(await golden('manifest-list.avro'), 'list', canonicalNames);
  const [manifest] = records as ManifestFile[];
  expect(manifest).toMatchObject({
    content: 0,
    added_files_count: 2,
    added_rows_count: 3,
    existing_files_count: 0,
    partition_spec_id: 0,
  });
  const entries = readManifest(await golden('manifest.avro'), manifest as ManifestFile, metadata);
  expect(entries.map(({ file }) => [file.recordCount, file.partition['purchased_at_day']])).toEqual([
    [2, 17_441],
    [1, 17_442],
  ]);
  expect(
    entries.every(
      (entry) => entry.sequenceNumber === 1 && entry.snapshotId === BigInt(metadata['current-snapshot-id'] as number | bigint),
    ),
  ).toBe(true);
  const { lowerBounds, upperBounds, nullCounts } = entries[0]?.file.metrics ?? {};
  expect(decodeBound('decimal(12,2)', lowerBounds?.get(3) ?? new Uint8Array())).toBe(150n);
  expect(decodeBound('string', upperBounds?.get(1) ?? new Uint8Array())).toBe('b');
  expect(nullCounts?.get(3)).toBe(1);
});

it('knows the fields of a manifest by their ids, whatever a writer calls them', () => {
  const [first] = (MANIFEST_LIST_SCHEMA as { fields: { name: string }[] }).fields;
  const older = JSON.parse(JSON.stringify(MANIFEST_LIST_SCHEMA).replace('added_files_count', 'added_data_files_count'));
  const record = Object.fromEntries(
    (older as { fields: { name: string; type: unknown }[] }).fields.map(({ name, type }) => [
      name,
      type === 'string' ? 'p' : Array.isArray(type) ? null : 7,
    ]),
  );
  const { records } = decodeAvro(encodeAvro(older, [record], {}), 'list', canonicalNames);
  expect(records).toEqual([expect.objectContaining({ added_files_count: 7, manifest_path: 'p' })]);
  expect(first?.name).toBe('manifest_path');
});

it('keeps 64-bit longs exact in Avro', () => {
  const schema = { type: 'record', name: 'r', fields: [{ name: 'a', type: 'long', 'field-id': 900 }] };
  const values = [8744736658442914487n, -(2n ** 63n), 5, 0, -1];
  const { records } = decodeAvro(
    encodeAvro(
      schema,
      values.map((a) => ({ a })),
      { extra: 'x' },
    ),
    'f',
    canonicalNames,
  );
  expect(records.map((record) => (record as { a: unknown }).a)).toEqual(values);
});

it('says so when an Avro file is cut off, damaged, or compressed in an unknown way', () => {
  const schema = { type: 'record', name: 'r', fields: [{ name: 'a', type: 'long' }] };
  const whole = encodeAvro(schema, [{ a: 1 }, { a: 2 }], {});
  for (const broken of [
    whole.subarray(0, whole.length - 3),
    whole.subarray(0, 20),
    new Uint8Array(),
    Buffer.from('no avro at all'),
  ]) {
    expect(() => decodeAvro(broken, 'the-file', canonicalNames)).toThrow(
      expect.objectContaining({ code: 'KS_TABLE_CORRUPT', message: expect.stringContaining('the-file') }),
    );
  }
  const foreign = Buffer.from(Buffer.from(whole).toString('latin1').replace('\u000edeflate', '\u000esnappy!'), 'latin1');
  expect(() => decodeAvro(foreign, 'f', canonicalNames)).toThrow(expect.objectContaining({ code: 'KS_TABLE_UNSUPPORTED' }));
});

it('escapes partition names that Avro does not take', () => {
  expect([avroName('order_id'), avroName('ab-c d'), avroName('9x')]).toEqual(['order_id', 'ab_x2Dc_x20d', '_9x']);
});

it('refuses to read or replace files under live row-level deletes, but goes on appending', async () => {
  const { dir, table, store } = await freshTable();
  await table.commit({ add: [bareFile(table, 'a')] });
  // The list of another engine's DELETE: the same manifests, and one with a live delete file.
  const folder = path.join(dir, 'silver/orders/metadata');
  const list = (await readdir(folder)).find((name) => name.startsWith('snap-')) as string;
  const { records } = decodeAvro(await readFile(path.join(folder, list)), list, canonicalNames);
  const deletes = { ...(records[0] as object), content: 1, manifest_path: store.uri('silver/orders/metadata/deletes.avro') };
  await writeFile(path.join(folder, 'foreign.avro'), encodeAvro(MANIFEST_LIST_SCHEMA, [...records, deletes], {}));
  const { metadataLocation } = await table.state();
  const metadata = JSON.parse(await readFile(metadataLocation, 'utf8'));
  metadata.snapshots[0]['manifest-list'] = path.join(folder, 'foreign.avro');
  await writeFile(path.join(folder, 'v3.metadata.json'), JSON.stringify(metadata));

  await expect(table.scan()).rejects.toMatchObject({ code: 'KS_TABLE_UNSUPPORTED', hint: expect.stringContaining('optimize') });
  await expect(table.commit({ add: [], remove: [bareFile(table, 'a').path] })).rejects.toMatchObject({
    code: 'KS_TABLE_UNSUPPORTED',
  });
  const appended = await table.commit({ add: [bareFile(table, 'b')] });
  expect(appended.kind).toBe('committed');
  await expect(table.scan()).rejects.toMatchObject({ code: 'KS_TABLE_UNSUPPORTED' });
});

it('says which file is missing or damaged', async () => {
  const { dir, table } = await freshTable();
  const folder = path.join(dir, 'silver/orders/metadata');
  await writeFile(path.join(folder, 'v2.metadata.json'), '{"format-version":2,"snapshots":');
  await expect(table.state()).rejects.toMatchObject({
    code: 'KS_TABLE_CORRUPT',
    message: expect.stringContaining('v2.metadata.json'),
  });
  await writeFile(path.join(folder, 'v2.metadata.json'), '{"format-version":2}');
  await expect(table.state()).rejects.toMatchObject({ code: 'KS_TABLE_CORRUPT' });
});

it('finds the newest version when the hint lags, is no number, or is gone', async () => {
  const { dir, table } = await freshTable();
  for (let i = 0; i < 3; i++) await table.commit({ add: [bareFile(table, `h${i}`)] });
  const hint = path.join(dir, 'silver/orders/metadata/version-hint.text');
  const { rm } = await import('node:fs/promises');
  const { openFolderStore } = await import('../../../src/core/store/folder-store.js');
  const { openFolderCatalog } = await import('../../../src/core/table/folder-catalog.js');
  for (const text of ['1', '2\n', 'x', '', null]) {
    await (text === null ? rm(hint) : writeFile(hint, text));
    const catalog = openFolderCatalog(await openFolderStore(dir));
    expect((await catalog.load('silver.orders'))?.token).toBe('4');
  }
});
