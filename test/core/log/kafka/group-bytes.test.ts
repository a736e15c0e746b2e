import { describe, expect, test } from 'vitest';
import {
  assignmentBytes,
  readAssignment,
  readSubscription,
  subscriptionBytes,
} from '../../../../src/core/log/kafka/group-bytes.js';

describe('what members of a group tell each other', () => {
  test('comes back as it was written', () => {
    const subscription = {
      topic: 'orders',
      name: 'host/1/ab',
      lake: 'uuid',
      owned: { partitions: [0, 7, 1023], generation: 12 },
    };
    expect(readSubscription(subscriptionBytes(subscription))).toEqual(subscription);
    expect(readAssignment(assignmentBytes('orders', [3, 1, 2]), 'orders')).toEqual([1, 2, 3]);
    expect(readAssignment(assignmentBytes('orders', [3]), 'other')).toEqual([]);
  });

  test('is, field by field, what the protocol asks for', () => {
    // Version, topics, user data, owned partitions, generation (ConsumerProtocolSubscription.json).
    const bytes = subscriptionBytes({ topic: 't', name: 'n', lake: '', owned: { partitions: [1], generation: 4 } });
    const userData = Buffer.from('{"name":"n","lake":""}').toString('hex');
    expect(bytes.toString('hex')).toBe(`00020000000100017400000016${userData}00000001000174000000010000000100000004`);
  });

  test('is nothing where the bytes are torn or of an older kind', () => {
    expect(readSubscription(Buffer.from([0]))).toBeNull();
    expect(readAssignment(Buffer.alloc(0), 't')).toEqual([]);
    const older = Buffer.from('0000000000010001740000000161', 'hex').subarray(0, -1);
    expect(readSubscription(Buffer.concat([older, Buffer.from('0161', 'hex')]))).toMatchObject({
      topic: 't',
      name: '',
      owned: { partitions: [], generation: -1 },
    });
  });
});
