/**
 * LZ4 frames of independent blocks, as Kafka's readers want them.
 * Format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md
 */
import { BLOCK_BYTES, eachMatch } from './block-matches.js';

/** Magic; version 1, independent blocks, no checksums of content; blocks of 64 KB; the checksum of these two bytes. */
const HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
const UNCOMPRESSED = 0x80000000;
const MIN_MATCH = 4;

export function compressLz4(bytes: Buffer): Buffer {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES);
  // Literals cost one byte in 255 at worst.
  const out = Buffer.allocUnsafe(HEADER.length + bytes.length + Math.ceil(bytes.length / 255) + (blocks + 1) * 32);
  let to = HEADER.copy(out, 0);
  for (let from = 0; from < bytes.length; from += BLOCK_BYTES) {
    const block = bytes.subarray(from, from + BLOCK_BYTES);
    const end = lz4Block(block, out, to + 4);
    const size = end - to - 4;
    if (size < block.length) {
      out.writeUInt32LE(size, to);
      to = end;
    } else {
      out.writeUInt32LE(UNCOMPRESSED + block.length, to);
      to += 4 + block.copy(out, to + 4);
    }
  }
  out.writeUInt32LE(0, to);
  return out.subarray(0, to + 4);
}

/** Writes the block's content at `to`; the new end. */
function lz4Block(block: Buffer, out: Buffer, start: number): number {
  let to = start;
  /** What of a length did not fit into the token. */
  const more = (length: number): void => {
    let left = length - 15;
    for (; left >= 255; left -= 255) out[to++] = 255;
    out[to++] = left;
  };
  const sequence = (from: number, until: number, matched: number): void => {
    const literals = until - from;
    out[to++] = (Math.min(literals, 15) << 4) | Math.min(matched, 15);
    if (literals >= 15) more(literals);
    to += block.copy(out, to, from, until);
  };
  const rest = eachMatch(block, (from, at, back, length) => {
    const matched = length - MIN_MATCH;
    sequence(from, at, matched);
    out[to++] = back & 0xff;
    out[to++] = back >>> 8;
    if (matched >= 15) more(matched);
  });
  sequence(rest, block.length, 0);
  return to;
}
