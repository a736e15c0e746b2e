import { describe, expect, it } from 'vitest';
import { columnType } from '../../../../src/core/engine/statement/column-type.js';
import { fromServiceJson, fromText } from '../../../../src/core/engine/statement/service-value.js';

describe('values of a service', () => {
  it.each([
    ['bigint', 9007199254740993n, '9007199254740993'],
    ['bigint', 7, 7],
    ['decimal(12,2)', '1.50', '1.50'],
    ['decimal(12,2)', 1.5, '1.50'],
    ['timestamp(6)', '2017-10-02 10:56:33.000000', '2017-10-02 10:56:33'],
    ['timestamp(3)', '2017-10-02 10:56:33.500', '2017-10-02 10:56:33.500000'],
    ['timestamp(3) with time zone', '2017-10-02 10:56:33.000 +02:00', '2017-10-02 08:56:33+00'],
    ['timestamp(3) with time zone', '2017-10-02 10:56:33.250 UTC', '2017-10-02 10:56:33.250000+00'],
    ['double', 'NaN', 'NaN'],
    ['array(decimal(3,1))', ['1.5', null], ['1.5', null]],
    ['row(a bigint, b row(c varchar))', [1, ['x']], { a: 1, b: { c: 'x' } }],
    ['row(a bigint)', { a: 1 }, { a: 1 }],
    ['map(varchar, date)', { k: '2017-10-02' }, { k: '2017-10-02' }],
    ['map(integer, integer)', { '1': 2 }, [{ key: 1, value: 2 }]],
    ['varbinary', '/wA=', '/wA='],
  ])('%s of %o', (type, value, expected) => {
    expect(fromServiceJson(value as never, columnType(type))).toEqual(expected);
  });

  it('reads text alone', () => {
    expect(fromText('9007199254740993', columnType('bigint'))).toBe('9007199254740993');
    expect(fromText('1.0E10', columnType('double'))).toBe(1e10);
    expect(fromText('', columnType('varchar'))).toBe('');
    expect(fromText('false', columnType('boolean'))).toBe(false);
  });
});
