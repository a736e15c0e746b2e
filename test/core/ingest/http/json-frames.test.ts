import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonFrames, lineFrames, MAX_DEPTH } from '../../../../src/core/ingest/http/json-frames.js';
import { lineEvents } from '../../../../src/core/ingest/files/line-events.js';

const texts = (bytes: Buffer | string): readonly string[] | null => {
  const framed = jsonFrames(Buffer.from(bytes));
  return framed.kind === 'frames' ? framed.frames.map(String) : null;
};
const faultOf = (text: string | Buffer): readonly [number, string] | null => {
  const framed = jsonFrames(Buffer.from(text));
  return framed.kind === 'malformed' ? [framed.offset, framed.reason] : null;
};
const parses = (text: string): boolean => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
};
const blanks = fc.stringMatching(/^[ \n\r\t]{0,3}$/);

describe('a JSON document cut into events', () => {
  it('keeps the bytes of an object, and of each element of an array, blanks around them left out', () => {
    expect(texts(' {"a": 1.0, "b":"\\u00e9é"}\n')).toEqual(['{"a": 1.0, "b":"\\u00e9é"}']);
    expect(texts('[ {"a":1e+2} ,\n[1, 2],"x" ,-0.0,null\t]')).toEqual(['{"a":1e+2}', '[1, 2]', '"x"', '-0.0', 'null']);
    expect(texts(' [ ] ')).toEqual([]);
    expect(texts('\uFEFF{"a":1}')).toEqual(['{"a":1}']);
  });

  it.each([
    ['', 0, 'it is empty'],
    ['5', 0, 'it begins with neither an object nor an array'],
    ['{"a":1', 6, 'it breaks off where a comma or } should be'],
    ['{"a" 1}', 5, 'this is not a colon'],
    ['{a:1}', 1, 'this is not a key in quotes'],
    ['[1,]', 3, 'this is not a value'],
    ['[1 2]', 3, 'this is not a comma or ]'],
    ['[,1]', 1, 'this is not a value'],
    ['{"a":1}{"b":2}', 7, 'something follows the end of the document'],
    ['["\u0001"]', 2, 'a control character inside a string has to be escaped'],
    ['["\\x"]', 3, 'this is not an escape that JSON knows'],
    ['["a', 1, 'a string that begins here is never closed'],
    ['[01]', 2, 'this is not a comma or ]'],
    ['[NaN]', 1, 'this is not a value'],
  ])('says of %j at which byte it stops being JSON', (text, offset, reason) => {
    expect(faultOf(text)).toEqual([offset, reason]);
  });

  it('counts bytes, not characters, and finds what is no UTF-8', () => {
    expect(faultOf('{"é":x}')).toEqual([6, 'this is not a value']);
    expect(faultOf(Buffer.from([0x7b, 0x22, 0xc3, 0xa9, 0xff, 0x22]))).toEqual([4, 'this is not UTF-8']);
    expect(faultOf(Buffer.from([0x5b, 0x22, 0xe2, 0x82]))).toEqual([2, 'this is not UTF-8']);
  });

  it('takes no recursion: depth is bounded, and a million brackets cost nothing', () => {
    expect(texts(`${'['.repeat(MAX_DEPTH)}${']'.repeat(MAX_DEPTH)}`)).toHaveLength(1);
    expect(faultOf('['.repeat(1_000_000))?.[1]).toBe(`it is nested deeper than ${MAX_DEPTH}`);
    expect(faultOf('{"a":'.repeat(1_000_000))?.[1]).toBe(`it is nested deeper than ${MAX_DEPTH}`);
  });

  it('gives back exactly the elements that were put in, whatever stands between them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.json(), blanks, blanks)), blanks, (elements, end) => {
        const text = `${end}[${elements.map(([json, before, after]) => `${before}${json}${after}`).join(',')}]${end}`;
        expect(texts(text)).toEqual(elements.map(([json]) => json));
      }),
    );
  });

  it('says yes and no as JSON.parse does, to documents with a byte changed, lost or added', () => {
    const changed = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom(...'{}[]",:\\0123e.-+tfn u\u0001'), fc.constantFrom('put', 'cut', 'over'))
      .map(([json, at, char, how]) => {
        const place = at % (json.length + 1);
        return `${json.slice(0, place)}${how === 'cut' ? '' : char}${json.slice(how === 'put' ? place : place + 1)}`;
      });
    fc.assert(
      fc.property(changed, (text) => {
        fc.pre(Buffer.from(text).toString() === text);
        expect(texts(text) !== null).toBe(parses(text));
      }),
      { numRuns: 3000 },
    );
  });

  it('never throws on hostile bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('', '[', '{"', '["'), (bytes, before) => {
        expect(['frames', 'malformed']).toContain(jsonFrames(Buffer.concat([Buffer.from(before), bytes])).kind);
      }),
    );
  });
});

describe('the lines of NDJSON', () => {
  it('are the events that ingest send makes of the same bytes', async () => {
    const bytes = fc
      .array(
        fc.oneof(
          fc.uint8Array({ maxLength: 5 }),
          fc.constantFrom(...['\n', '\r\n', '\r', '\uFEFF', '{}'].map((text) => Buffer.from(text))),
        ),
      )
      .map((parts) => Buffer.concat(parts));
    await fc.assert(
      fc.asyncProperty(bytes, async (body) => {
        const whole = (async function* () {
          if (body.length > 0) yield body;
        })();
        const expected: string[] = [];
        const options = { dataset: 'orders', source: 'x', maxLineBytes: 1000, onLongLine: () => undefined };
        for await (const events of lineEvents(whole, options))
          for (const { payload } of events) expected.push(Buffer.from(payload).toString('hex'));
        expect(lineFrames(body).map((line) => line.toString('hex'))).toEqual(expected);
      }),
    );
  });
});
