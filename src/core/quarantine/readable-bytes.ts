/** Bytes as a person can read them. */

export interface ReadableBytes {
  /** `escaped`: not UTF-8; bytes that are none are written `\xHH`, a backslash is doubled. */
  readonly encoding: 'utf-8' | 'escaped';
  readonly text: string;
  readonly sizeBytes: number;
}

export function readableBytes(bytes: Uint8Array): ReadableBytes {
  try {
    return {
      encoding: 'utf-8',
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
      sizeBytes: bytes.length,
    };
  } catch {
    return { encoding: 'escaped', text: escapeInvalid(bytes), sizeBytes: bytes.length };
  }
}

/** One character at a time: a sequence of 1 to 4 bytes that decodes as one is kept, else its first byte is escaped. */
function escapeInvalid(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const parts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    try {
      const character = decoder.decode(bytes.subarray(at, at + length));
      parts.push(character === '\\' ? '\\\\' : character);
      at += length;
    } catch {
      parts.push(`\\x${first.toString(16).padStart(2, '0')}`);
      at += 1;
    }
  }
  return parts.join('');
}
