/**
 * Ids of events that come without one: UUIDv7 (RFC 9562, 5.7), 48 bits of milliseconds and 74 random bits. Random bytes are drawn
 * in blocks: one system call per event would cost more than the rest of the id.
 */
import type { Clock } from '../clock.js';

const BYTES_PER_ID = 10;
const IDS_PER_BLOCK = 400;

export function uuidV7Source(clock: Clock, randomBytes: (length: number) => Uint8Array): () => string {
  let block = Buffer.alloc(0);
  let position = 0;
  let lastMs = 0;
  return () => {
    if (position + BYTES_PER_ID > block.length) {
      block = Buffer.from(randomBytes(BYTES_PER_ID * IDS_PER_BLOCK));
      position = 0;
    }
    const random = block.subarray(position, position + BYTES_PER_ID);
    position += BYTES_PER_ID;
    random[0] = 0x70 | ((random[0] ?? 0) & 0x0f);
    random[2] = 0x80 | ((random[2] ?? 0) & 0x3f);
    // Ids of one source never fall, also when the clock goes back (RFC 9562, 6.2).
    lastMs = Math.max(lastMs, Math.floor(clock.nowMs()));
    const time = lastMs.toString(16).padStart(12, '0');
    const tail = random.toString('hex');
    return `${time.slice(0, 8)}-${time.slice(8, 12)}-${tail.slice(0, 4)}-${tail.slice(4, 8)}-${tail.slice(8)}`;
  };
}
