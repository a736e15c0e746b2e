import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileBytes } from '../../../../src/core/ingest/files/file-bytes.js';
import { csvEvents } from '../../../../src/core/ingest/files/csv-events.js';
import type { FileEvent } from '../../../../src/core/ingest/files/file-event.js';

const eventsOf = async (bytes: AsyncIterable<Uint8Array>, dataset = 'orders'): Promise<FileEvent[]> => {
  const found: FileEvent[] = [];
  for await (const events of csvEvents(bytes, { dataset, source: 'file.csv' })) found.push(...events);
  return found;
};
async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
const read = (text: string): Promise<FileEvent[]> => eventsOf(once(Buffer.from(text)));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const headersOf = (event: FileEvent | undefined): Record<string, string> =>
  Object.fromEntries((event?.headers ?? []).map(({ key, value }) => [key, textOf(value)]));

describe('CSV events', () => {
  it('writes one JSON object per row: header order, verbatim text, "" kept, no blanks', async () => {
    const events = await read('b,a,c\n 1 ,"x ""y""\nz",\n');
    expect(events.map(({ payload }) => textOf(payload))).toEqual([String.raw`{"b":" 1 ","a":"x \"y\"\nz","c":""}`]);
    expect(events[0]?.valueOf('a')).toBe('x "y"\nz');
    expect(events[0]?.valueOf('nope')).toBeUndefined();
  });

  it('keeps a bad row as its raw bytes with line and reason, and goes on', async () => {
    const events = await read('a,b\n1,2\n1,2,3\n"x\n3,4\n');
    expect(events.map(({ payload }) => textOf(payload))).toEqual(['{"a":"1","b":"2"}', '1,2,3', '"x', '{"a":"3","b":"4"}']);
    expect(headersOf(events[1])).toEqual({ 'ks-csv-line': '3', 'ks-csv-error': '3 cells where the header has 2' });
    expect(headersOf(events[2])).toEqual({ 'ks-csv-line': '4', 'ks-csv-error': 'a quote that is never closed' });
    expect(events[3]?.headers).toEqual([]);
  });

  it('gives repeated rows ids of their own, and the same file the same ids whatever its line ends', async () => {
    const ids = async (text: string): Promise<string[]> => (await read(text)).map(({ eventId }) => eventId);
    const first = await ids('a,b\n1,2\n1,2\n3,4');
    expect(new Set(first).size).toBe(3);
    expect(await ids('\uFEFFa,b\r\n1,2\r\n1,2\r\n3,4\r\n')).toEqual(first);
    const [other] = await eventsOf(once(Buffer.from('a,b\n1,2\n')), 'customers');
    expect(other?.eventId).not.toBe(first[0]);
  });

  it('knows a row by what it says: other quoting is the same event, another header is not, nor is a row that cannot be read', async () => {
    const ids = async (text: string): Promise<string[]> => (await read(text)).map(({ eventId }) => eventId);
    const [plain] = await ids('a,b\n1,2\n');
    expect(await ids('"a",b\n"1",2\n')).toEqual([plain]);
    expect(await ids('b,a\n1,2\n')).not.toEqual([plain]);
    const [row] = await read('a\n{"a":"1"}\n');
    expect(textOf(row?.payload ?? Buffer.alloc(0))).toBe('{"a":"1"}');
    expect(await ids('a\n1\n')).not.toEqual([row?.eventId]);
  });

  it('yields nothing for an empty file and for a header alone', async () => {
    expect(await read('')).toEqual([]);
    expect(await read('a,b\n')).toEqual([]);
  });

  it('refuses a header that names a column twice or cannot be read', async () => {
    await expect(read('a,b,a\n1,2,3\n')).rejects.toMatchObject({
      code: 'KS_CHECK_FAILED',
      message: 'file.csv, line 1: the header row names the column "a" twice',
    });
    await expect(read('a,"b"c\n1,2\n')).rejects.toMatchObject({
      message: expect.stringContaining('text after a closing quote') as string,
    });
  });
});

const spectrum = path.resolve(process.env['KEYSTONE_CASES_DIR'] ?? '../shared/data/cases', 'csv-spectrum');
describe.skipIf(!existsSync(spectrum))('csv-spectrum (KEYSTONE_CASES_DIR; skipped where it is absent)', () => {
  const names = existsSync(spectrum) ? readdirSync(path.join(spectrum, 'csvs')).map((name) => path.basename(name, '.csv')) : [];
  it.each(names)('%s: every cell equals its JSON', async (name) => {
    const events = await eventsOf(fileBytes(path.join(spectrum, 'csvs', `${name}.csv`), new AbortController().signal));
    const expected: unknown = JSON.parse(readFileSync(path.join(spectrum, 'json', `${name}.json`), 'utf8'));
    expect(events.map(({ payload }) => JSON.parse(textOf(payload)) as unknown)).toEqual(expected);
  });
});

const olist = path.resolve(process.env['KEYSTONE_OLIST_DIR'] ?? '../shared/data/olist');
describe.skipIf(!existsSync(olist))('the Olist files (KEYSTONE_OLIST_DIR; skipped where they are absent)', () => {
  it('are 1,550,868 rows in nine files, none of them bad, all ids distinct', async () => {
    const rows: Record<string, number> = {};
    const firstBits = new Set<number>();
    let bad = 0;
    let total = 0;
    for (const name of readdirSync(olist).filter((file) => file.includes('.csv'))) {
      for await (const events of csvEvents(fileBytes(path.join(olist, name), new AbortController().signal), {
        dataset: name,
        source: name,
      })) {
        rows[name] = (rows[name] ?? 0) + events.length;
        total += events.length;
        for (const { eventId, headers } of events) {
          firstBits.add(Number.parseInt(eventId.slice(0, 13), 16));
          bad += headers.length > 0 ? 1 : 0;
        }
      }
    }
    expect(Object.keys(rows)).toHaveLength(9);
    expect({ total, bad, distinct: firstBits.size }).toEqual({ total: 1_550_868, bad: 0, distinct: 1_550_868 });
    expect(rows['olist_geolocation_dataset.csv.gz']).toBe(1_000_163);
    expect(rows['olist_order_reviews_dataset.csv.gz']).toBe(99_170);
  });
});
