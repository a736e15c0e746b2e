import { describe, expect, it } from 'vitest';
import { messageCutter, refusalOf } from '../../../../src/core/ingest/grpc/stream-in-order.js';

const framed = (body: string): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, Buffer.from(body)]);
};

describe('cutting a stream into messages', () => {
  const bytes = Buffer.concat([framed('one'), framed(''), framed('three')]);

  it('gives the same messages wherever the chunks end', () => {
    for (let size = 1; size <= bytes.length; size++) {
      const cutter = messageCutter(5);
      const messages: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) messages.push(...cutter.write(bytes.subarray(at, at + size)));
      expect(messages).toEqual([framed('one'), framed(''), framed('three')]);
    }
  });

  it('keeps what came in the same chunk before a message that is too large, and takes nothing behind it', () => {
    const cutter = messageCutter(4);
    const messages = [...cutter.write(Buffer.concat([bytes, framed('x')])), ...cutter.write(framed('y'))];
    expect(messages.slice(0, 2)).toEqual([framed('one'), framed('')]);
    expect(messages).toHaveLength(3);
    expect(refusalOf(messages[2] as Buffer)?.reason).toMatch(/5 bytes/);
    // The same bytes of a client are no refusal.
    expect(refusalOf(Buffer.from(messages[2] as Buffer))).toBeNull();
  });
});
