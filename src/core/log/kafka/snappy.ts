/**
 * Snappy as Kafka's producers write it: one raw block (librdkafka), or the framing of snappy-java (the Java clients), which is a header
 * of 16 bytes and blocks behind their lengths.
 * Format: https://github.com/google/snappy/blob/main/format_description.txt
 */

const JAVA_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const JAVA_HEADER_BYTES = 16;

/** Throws an Error when the bytes are damaged or hold more than `maxBytes`. */
export function decompressSnappy(bytes: Buffer, maxBytes: number): Buffer {
  if (!bytes.subarray(0, JAVA_MAGIC.length).equals(JAVA_MAGIC)) return snappyBlock(bytes, maxBytes);
  const blocks: Buffer[] = [];
  let total = 0;
  for (let at = JAVA_HEADER_BYTES; at < bytes.length;) {
    if (at + 4 > bytes.length) throw new Error('snappy: the last block is cut off');
    const length = bytes.readUInt32BE(at);
    at += 4;
    if (at + length > bytes.length) throw new Error('snappy: the last block is cut off');
    const block = snappyBlock(bytes.subarray(at, at + length), maxBytes - total);
    total += block.length;
    blocks.push(block);
    at += length;
  }
  return Buffer.concat(blocks, total);
}

function snappyBlock(bytes: Buffer, maxBytes: number): Buffer {
  let at = 0;
  const next = (): number => {
    if (at >= bytes.length) throw new Error('snappy: the block is cut off');
    return bytes[at++]!;
  };
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = next();
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
    if (shift >= 28) throw new Error('snappy: the length is damaged');
  }
  if (length > maxBytes) throw new Error(`snappy: the block holds ${length} bytes, more than ${maxBytes}`);
  const out = Buffer.allocUnsafe(length);
  let to = 0;
  while (to < length) {
    const tag = next();
    if ((tag & 3) === 0) {
      let size = (tag >>> 2) + 1;
      if (size > 60) {
        const extra = size - 60;
        size = 0;
        for (let n = 0; n < extra; n++) size += next() * 2 ** (8 * n);
        size += 1;
      }
      if (at + size > bytes.length || to + size > length) throw new Error('snappy: a literal is cut off');
      bytes.copy(out, to, at, at + size);
      at += size;
      to += size;
      continue;
    }
    let size = (tag >>> 2) + 1;
    let back: number;
    if ((tag & 3) === 1) {
      size = ((tag >>> 2) & 7) + 4;
      back = ((tag >>> 5) << 8) | next();
    } else {
      back = next() | (next() << 8);
      if ((tag & 3) === 3) back += (next() | (next() << 8)) * 65_536;
    }
    if (back === 0 || back > to || to + size > length) throw new Error('snappy: a copy reaches outside of the block');
    to = copyBack(out, to, back, size);
  }
  if (at !== bytes.length) throw new Error('snappy: the block is longer than it says');
  return out;
}

/** Copies `size` bytes from `back` bytes before `to`, which may overlap with what is being written; the new end. */
export function copyBack(out: Buffer, to: number, back: number, size: number): number {
  if (back >= size) {
    out.copy(out, to, to - back, to - back + size);
    return to + size;
  }
  for (let n = 0; n < size; n++, to++) out[to] = out[to - back]!;
  return to;
}
