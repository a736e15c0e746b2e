import { describe, expect, it } from 'vitest';
import { describeRejected } from '../../../src/core/quarantine/describe-rejected.js';
import { readableBytes } from '../../../src/core/quarantine/readable-bytes.js';

describe('readableBytes', () => {
  it.each([
    [
      'valid UTF-8 as it is, BOM and backslash included',
      Buffer.from('\ufeffçã \\ 🙂'),
      { encoding: 'utf-8', text: '\ufeffçã \\ 🙂', sizeBytes: 14 },
    ],
    [
      'invalid bytes as \\xHH',
      Buffer.from([0x7b, 0xff, 0xc3, 0xa9, 0x5c, 0xe9, 0xf0, 0x9f]),
      { encoding: 'escaped', text: '{\\xffé\\\\\\xe9\\xf0\\x9f', sizeBytes: 8 },
    ],
    [
      'surrogates and overlong forms as bytes',
      Buffer.from([0xed, 0xa0, 0x80, 0xc0, 0xaf]),
      { encoding: 'escaped', text: '\\xed\\xa0\\x80\\xc0\\xaf', sizeBytes: 5 },
    ],
    ['nothing', Buffer.alloc(0), { encoding: 'utf-8', text: '', sizeBytes: 0 }],
  ])('shows %s', (_, bytes, expected) => {
    expect(readableBytes(bytes)).toEqual(expected);
  });
});

describe('describeRejected', () => {
  it('lets no control character of a payload reach the terminal', () => {
    const text = describeRejected({
      zone: 'error',
      origin: 'events/0/7',
      eventId: 'e\u001b[2J',
      dataset: 'orders',
      source: 'grpc',
      reasons: ['invalid_json'],
      detail: 'Unexpected end',
      csvLine: null,
      partition: null,
      contractVersion: null,
      logTime: '2018-01-01 00:00:00',
      processedAt: '2018-01-01 00:00:01',
      ingestedAt: '2018-01-01 00:00:00.5',
      key: null,
      headers: [{ key: 'ks-csv-error', value: readableBytes(Buffer.from('x')) }],
      payload: readableBytes(Buffer.from('{"a":\t\u001b]0;boo\u0007\n')),
    });
    expect(text).toContain('e\\u001b[2J');
    expect(text).toMatch(/payload +15 bytes\n\{"a":\t\\u001b\]0;boo\\u0007\n$/);
    // oxlint-disable-next-line no-control-regex -- the point of the test
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
  });
});
