/**
 * Snappy in the framing of snappy-java, which every Kafka client reads.
 * Format: https://github.com/google/snappy/blob/main/format_description.txt
 */
import { BLOCK_BYTES, eachMatch } from './block-matches.js';

/** Magic, version 1, readable since version 1. */
const HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00, 0, 0, 0, 1, 0, 0, 0, 1]);
const LITERAL_OF_TWO_BYTES = 61 << 2;
const LITERAL_OF_ONE_BYTE = 60 << 2;
const LONGEST_COPY = 64;

export function compressSnappy(bytes: Buffer): Buffer {
  // Literals cost a few bytes for each block at worst.
  const out = Buffer.allocUnsafe(HEADER.length + bytes.length + Math.ceil(bytes.length / BLOCK_BYTES + 1) * 32);
  let to = HEADER.copy(out, 0);
  for (let from = 0; from < bytes.length; from += BLOCK_BYTES) {
    const end = snappyBlock(bytes.subarray(from, from + BLOCK_BYTES), out, to + 4);
    out.writeUInt32BE(end - to - 4, to);
    to = end;
  }
  return out.subarray(0, to);
}

/** Writes the block's length and content at `to`; the new end. */
function snappyBlock(block: Buffer, out: Buffer, start: number): number {
  let to = start;
  let length = block.length;
  for (; length >= 0x80; length >>>= 7) out[to++] = (length & 0x7f) | 0x80;
  out[to++] = length;
  const literals = (from: number, until: number): void => {
    if (from === until) return;
    const size = until - from - 1;
    if (size < 60) out[to++] = size << 2;
    else if (size < 256) {
      out[to++] = LITERAL_OF_ONE_BYTE;
      out[to++] = size;
    } else {
      out[to++] = LITERAL_OF_TWO_BYTES;
      out[to++] = size & 0xff;
      out[to++] = size >>> 8;
    }
    to += block.copy(out, to, from, until);
  };
  const rest = eachMatch(block, (from, at, back, matched) => {
    literals(from, at);
    for (let left = matched; left > 0;) {
      // No piece may be left over that is shorter than a copy can be.
      const size = left > LONGEST_COPY && left < LONGEST_COPY + 4 ? LONGEST_COPY - 4 : Math.min(left, LONGEST_COPY);
      if (size < 12 && back < 2048) {
        out[to++] = 1 | ((size - 4) << 2) | ((back >>> 8) << 5);
        out[to++] = back & 0xff;
      } else {
        out[to++] = 2 | ((size - 1) << 2);
        out[to++] = back & 0xff;
        out[to++] = back >>> 8;
      }
      left -= size;
    }
  });
  literals(rest, block.length);
  return to;
}
