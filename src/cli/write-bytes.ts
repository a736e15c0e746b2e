/** Bytes to a stream at the speed of its reader. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Resolves when the stream takes more; rejects with an AbortError when `signal` stops the wait for a reader that sleeps. */
export async function writeBytes(stream: Writable, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  if (stream.write(bytes)) return;
  await once(stream, 'drain', { signal });
}
