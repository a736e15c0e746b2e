/** Bytes as a person can read them. */
import { isUtf8 } from 'node:buffer';

export interface ReadableBytes {
  /** `escaped`: not UTF-8; bytes that are none are written `\xHH`, a backslash is doubled. */
  readonly encoding: 'utf-8' | 'escaped';
  readonly text: string;
  readonly sizeBytes: number;
}

export function readableBytes(bytes: Uint8Array): ReadableBytes {
  const sizeBytes = bytes.length;
  if (isUtf8(bytes)) return { encoding: 'utf-8', text: decode(bytes), sizeBytes };
  return { encoding: 'escaped', text: escapeInvalid(bytes), sizeBytes };
}

/** One character at a time: a sequence of 1 to 4 bytes that is one is kept, else its first byte is escaped. */
function escapeInvalid(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const sequence = bytes.subarray(at, at + length);
    if (isUtf8(sequence)) {
      parts.push(first === 0x5c ? '\\\\' : length === 1 ? String.fromCharCode(first) : decode(sequence));
      at += length;
    } else {
      parts.push(`\\x${first.toString(16).padStart(2, '0')}`);
      at += 1;
    }
  }
  return parts.join('');
}

/** Keeps a byte order mark, which is part of what arrived. */
const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
