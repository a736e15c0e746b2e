/**
 * Zstandard by fzstd, which takes the sizes that a frame claims at their word: they are looked at first (RFC 8878, section 3.1.1.1).
 */
import { Decompress } from 'fzstd';

const MAGIC = 0xfd2fb528;
/** What the highest level of the reference implementation uses. */
const MOST_WINDOW_BYTES = 128 * 1024 * 1024;
/** Bytes of the content's size and of the dictionary's id by their flags. */
const CONTENT_FIELD = [0, 2, 4, 8] as const;
const DICTIONARY_FIELD = [0, 1, 2, 4] as const;

/** Throws an Error when the bytes are damaged or hold more than `maxBytes`. */
export function decompressZstd(bytes: Buffer, maxBytes: number): Buffer {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== MAGIC) throw new Error('zstd: this is no frame');
  refuseLarge(bytes, maxBytes);
  const parts: Uint8Array[] = [];
  let total = 0;
  let ended = false;
  const stream = new Decompress((part, final) => {
    total += part.length;
    if (total > maxBytes) throw new Error(`zstd: the frame holds more than ${maxBytes} bytes`);
    parts.push(part);
    ended ||= final === true;
  });
  stream.push(bytes, true);
  if (!ended) throw new Error('zstd: the frame is cut off');
  return Buffer.concat(parts, total);
}

function refuseLarge(bytes: Buffer, maxBytes: number): void {
  const flags = bytes[4]!;
  const single = (flags & 0x20) !== 0;
  const fieldBytes = flags >>> 6 === 0 && single ? 1 : CONTENT_FIELD[(flags >>> 6) as 0 | 1 | 2 | 3];
  if (!single) {
    const window = bytes[5]!;
    const base = 2 ** (10 + (window >>> 3));
    if (base + (base / 8) * (window & 7) > MOST_WINDOW_BYTES) throw new Error('zstd: the frame asks for too large a window');
  }
  const at = 5 + (single ? 0 : 1) + DICTIONARY_FIELD[(flags & 3) as 0 | 1 | 2 | 3];
  if (at + fieldBytes > bytes.length) throw new Error('zstd: the frame is cut off');
  let size = 0;
  for (let n = fieldBytes - 1; n >= 0; n--) size = size * 256 + bytes[at + n]!;
  if (fieldBytes === 2) size += 256;
  if (size > maxBytes) throw new Error(`zstd: the frame holds ${size} bytes, more than ${maxBytes}`);
}
