/** Which headers become columns: what names nothing stays as it came. */
import { describe, expect, it } from 'vitest';
import { bronzeRecordOf } from '../../../src/core/bronze/bronze-record.js';
import type { LogHeader } from '../../../src/core/log/event-log.js';

const header = (key: string, value: string | readonly number[]): LogHeader => ({
  key,
  value: typeof value === 'string' ? Buffer.from(value) : Uint8Array.from(value),
});

describe('a bronze record', () => {
  const toBronze = bronzeRecordOf('orders');
  const columns = (headers: readonly LogHeader[], offset = 7) => {
    const { eventId, ...rest } = toBronze({ topic: 't', partition: 2, offset, timestampUs: 5, key: null, value: null, headers });
    return { eventId: Buffer.from(eventId).toString('utf8'), dataset: rest.dataset, source: rest.source, headers: rest.headers };
  };

  it('takes id, dataset and source from their headers, and keeps the others', () => {
    const other = header('x', 'y');
    const own = [header('ks-event-id', 'é1'), header('ks-dataset', 'sellers'), header('ks-source', 'shop')];
    expect(columns([...own, other])).toEqual({ eventId: 'é1', dataset: 'sellers', source: 'shop', headers: [other] });
    expect(columns([...own, ...own.map(({ key }) => header(key, 'again'))]).headers).toHaveLength(3);
  });

  it('is its own event where the id is no text, and keeps those bytes', () => {
    for (const [n, bytes] of [[0xff, 0x41], [0xfe, 0x41], [0xfd, 0x41], []].entries()) {
      const id = header('ks-event-id', bytes);
      const found = columns([id], n);
      expect(found).toMatchObject({ eventId: `t/2/${n}`, headers: [id] });
      expect(found.headers[0]).toBe(id);
    }
  });

  it('belongs to the topic and to nobody where dataset and source are no text, however often they come', () => {
    const bad = [header('ks-dataset', [0xff, 0x41]), header('ks-source', [0xff, 0x41])];
    const good = [header('ks-dataset', 'sellers'), header('ks-source', 'shop')];
    for (let n = 0; n < 3; n++) {
      expect(columns(bad)).toMatchObject({ dataset: 'orders', source: null, headers: bad });
      expect(columns(good)).toMatchObject({ dataset: 'sellers', source: 'shop', headers: [] });
    }
    const empty = header('ks-dataset', '');
    expect(columns([empty])).toMatchObject({ dataset: 'orders', headers: [empty] });
    expect(columns([header('ks-source', '')])).toMatchObject({ source: '', headers: [] });
  });

  it('takes the first that is a text: a replay writes its own beside those that came', () => {
    const id = header('ks-event-id', [0xff]);
    expect(columns([id, header('ks-event-id', 'a'), header('ks-event-id', 'b')])).toMatchObject({
      eventId: 'a',
      headers: [id, header('ks-event-id', 'b')],
    });
  });

  it('keeps a byte order mark', () => {
    expect(columns([header('ks-source', [0xef, 0xbb, 0xbf, 0x41])]).source).toBe('\uFEFFA');
  });
});
