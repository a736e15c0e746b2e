import { describe, expect, it } from 'vitest';
import type { Contract } from '../../../src/core/contract/contract.js';
import { jsonColumns, keyOfDataset, type KeyMode } from '../../../src/core/event/business-key.js';

const items = {
  key: ['order_id', 'order_item_id'],
  columns: [
    { name: 'order_id', type: { kind: 'string' }, trim: false },
    { name: 'order_item_id', type: { kind: 'integer' }, trim: false },
  ],
} as unknown as Contract;
const keyOf = (payload: string, mode: KeyMode = 'business', contract: Contract | undefined = items): string | null => {
  const key = keyOfDataset(mode, contract)('the-id', jsonColumns(Buffer.from(payload)));
  return key && Buffer.from(key).toString('utf8');
};

describe('business key', () => {
  it('joins the key columns so that no two lists share a key', () => {
    expect(keyOf('{"order_id":"a","order_item_id":1}')).toBe('["a","1"]');
    expect(keyOf('{"order_id":"a\\",\\"1","order_item_id":1}')).not.toBe(keyOf('{"order_id":"a","order_item_id":1}'));
    expect(keyOf('{"order_id":"a"}', 'business', { ...items, key: ['order_id'] })).toBe('a');
  });

  it('is the same for two writings of one integer', () => {
    for (const written of ['1', '"1"', '"01"', '" +1 "', '1.0'])
      expect(keyOf(`{"order_id":"a","order_item_id":${written}}`)).toBe('["a","1"]');
    expect(keyOf('{"order_id":"a","order_item_id":"-0"}')).toBe('["a","0"]');
    expect(keyOf('{"order_id":"a","order_item_id":"-3"}')).toBe('["a","-3"]');
  });

  it('is the event id where the columns cannot be read or there are none', () => {
    for (const payload of [
      'no json',
      '[1]',
      'null',
      '{"order_id":"a"}',
      '{"order_id":"","order_item_id":1}',
      '{"order_id":{},"order_item_id":1}',
      '',
    ]) {
      expect(keyOf(payload)).toBe('the-id');
    }
    expect(keyOf('{"order_id":"a"}', 'business', { ...items, key: [] })).toBe('the-id');
    expect(keyOfDataset('business', undefined)('the-id', () => 'x')).toEqual(Buffer.from('the-id'));
    expect(keyOf('{"order_id":"a","order_item_id":1}', 'event-id')).toBe('the-id');
    expect(keyOf('{"order_id":"a","order_item_id":1}', 'none')).toBeNull();
  });
});
