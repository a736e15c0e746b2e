import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Json, parseJson, toJson } from '../../../src/core/table/lossless-json.js';

describe('lossless JSON', () => {
  it('keeps integers that a double can not hold', () => {
    const text = '{"a":8744736658442914487,"b":[-9223372036854775808,9007199254740991],"c":1.5e3,"d":"8744736658442914487"}';
    expect(parseJson(text)).toEqual({
      a: 8744736658442914487n,
      b: [-9223372036854775808n, 9007199254740991],
      c: 1500,
      d: '8744736658442914487',
    });
    expect(toJson(parseJson(text))).toBe(text.replace('1.5e3', '1500'));
  });

  it('leaves digits inside strings alone, escaped quotes and keys included', () => {
    const text = String.raw`{"12345678901234567890":"say \"12345678901234567890\" \\","x":"\\\"99999999999999999999"}`;
    expect(parseJson(text)).toEqual(JSON.parse(text));
    expect(toJson(parseJson(text))).toBe(text);
  });

  it('is JSON for everything else', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.parse(toJson(parseJson(text)))).toEqual(JSON.parse(text));
        expect(toJson(value as Json)).toBe(text);
      }),
    );
  });

  it('refuses what is no JSON', () => {
    expect(() => parseJson('{"a":12345678901234567890')).toThrow(SyntaxError);
  });
});
