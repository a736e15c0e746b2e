import { describe, expect, it } from 'vitest';
import { singleRequest, streamOfRequests } from '../../../../src/core/ingest/grpc/arriving-request.js';
import { connectionRoom } from '../../../../src/core/ingest/grpc/connection-room.js';

describe('room for connections', () => {
  it('is made by the oldest that has sent nothing whole, then by the longest idle, and not by one at work', () => {
    const room = connectionRoom<string>(3);
    for (const name of ['a', 'b', 'c']) expect(room.enter(name)).toBeNull();
    room.proved('a');
    expect(room.enter('d')).toBe('b');
    room.leave('c');
    room.proved('d');
    expect(room.enter('e')).toBeNull();
    room.proved('e');
    room.idle('d');
    room.idle('a');
    expect(room.enter('f')).toBe('d');
    room.proved('f');
    room.busy('a');
    expect(room.enter('g')).toBe('g');
    expect(room.size()).toBe(3);
  });

  it('forgets what has left', () => {
    const room = connectionRoom<string>(1);
    room.enter('a');
    room.leave('a');
    room.leave('a');
    expect(room.size()).toBe(0);
    expect(room.enter('b')).toBeNull();
  });
});

describe('arriving requests', () => {
  it('are owed from their start to their end where there is one', () => {
    const request = singleRequest(100);
    request.arrived(Buffer.alloc(70), 200);
    expect([request.owesSinceMs(), request.heldBytes(), request.isWhole()]).toEqual([100, 70, false]);
    request.ended();
    expect([request.owesSinceMs(), request.heldBytes(), request.isWhole()]).toEqual([null, 0, true]);
  });

  it('of a stream are owed from their first byte to their last, however they are cut', () => {
    const message = (size: number): Buffer => {
      const bytes = Buffer.alloc(5 + size, 0xff);
      bytes[0] = 0;
      bytes.writeUInt32BE(size, 1);
      return bytes;
    };
    const all = Buffer.concat([message(300), message(0), message(70_000), message(1)]);
    for (const step of [1, 3, 7, 1000, all.length]) {
      const request = streamOfRequests();
      for (let at = 0; at < all.length; at += step) request.arrived(all.subarray(at, at + step), at);
      expect([request.owesSinceMs(), request.heldBytes(), request.isWhole()]).toEqual([null, 0, true]);
    }
    const cut = streamOfRequests();
    cut.arrived(Buffer.concat([message(2), message(10).subarray(0, 8)]), 50);
    cut.arrived(Buffer.alloc(1), 60);
    expect([cut.owesSinceMs(), cut.heldBytes(), cut.isWhole()]).toEqual([50, 9, true]);
  });
});
