/**
 * LZ4 frames, as Kafka's producers write them. Checksums inside the frame are skipped: the batch around it has its own.
 * Format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md
 */
import { copyBack } from './snappy.js';

const MAGIC = 0x184d2204;
const BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304 };
const UNCOMPRESSED = 0x80000000;

/** Throws an Error when the bytes are damaged or hold more than `maxBytes`. */
export function decompressLz4(bytes: Buffer, maxBytes: number): Buffer {
  const cut = (): never => {
    throw new Error('lz4: the frame is cut off');
  };
  if (bytes.length < 7) cut();
  if (bytes.readUInt32LE(0) !== MAGIC) throw new Error('lz4: this is no frame');
  const flags = bytes[4]!;
  if (flags >>> 6 !== 1) throw new Error(`lz4: version ${flags >>> 6} of the frame is unknown`);
  if (flags & 1) throw new Error('lz4: frames with a dictionary are not read');
  const blockBytes = BLOCK_BYTES[(bytes[5]! >>> 4) & 7];
  if (blockBytes === undefined) throw new Error('lz4: the block size is damaged');
  const checksummed = (flags & 0x10) !== 0;
  // Behind flags and block size: the content's size if it is told, and the header's checksum.
  let at = 6 + (flags & 8 ? 8 : 0) + 1;
  let out: Buffer = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(4 * bytes.length, 4096)));
  let to = 0;
  for (;;) {
    if (at + 4 > bytes.length) cut();
    const head = bytes.readUInt32LE(at);
    at += 4;
    if (head === 0) return out.subarray(0, to);
    const length = head % UNCOMPRESSED;
    if (at + length > bytes.length) cut();
    const most = head >= UNCOMPRESSED ? length : blockBytes;
    if (to + most > out.length) out = grown(out, to, most, maxBytes);
    const block = bytes.subarray(at, at + length);
    to = head >= UNCOMPRESSED ? to + block.copy(out, to) : lz4Block(block, out, to);
    at += length + (checksummed ? 4 : 0);
  }
}

function grown(out: Buffer, used: number, more: number, maxBytes: number): Buffer {
  if (used > maxBytes) throw new Error(`lz4: the frame holds more than ${maxBytes} bytes`);
  const larger = Buffer.allocUnsafe(Math.max(2 * out.length, used + more));
  out.copy(larger, 0, 0, used);
  return larger;
}

/** Appends the block's content to `out`, whose earlier content it may refer to; the new end. */
function lz4Block(block: Buffer, out: Buffer, to: number): number {
  let at = 0;
  const next = (): number => {
    if (at >= block.length) throw new Error('lz4: a block is cut off');
    return block[at++]!;
  };
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    if (nibble === 15) {
      let byte: number;
      do length += byte = next();
      while (byte === 255);
    }
    return length;
  };
  for (;;) {
    const token = next();
    const literals = lengthOf(token >>> 4);
    if (at + literals > block.length || to + literals > out.length) throw new Error('lz4: a literal is cut off');
    block.copy(out, to, at, at + literals);
    at += literals;
    to += literals;
    // The last sequence of a block ends behind its literals.
    if (at === block.length) return to;
    const back = next() | (next() << 8);
    const size = lengthOf(token & 15) + 4;
    if (back === 0 || back > to || to + size > out.length) throw new Error('lz4: a match reaches outside of the frame');
    to = copyBack(out, to, back, size);
  }
}
