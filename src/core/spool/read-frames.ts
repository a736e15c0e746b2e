/** Whole frames of a spool file, a stretch of it at a time. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError } from '../errors.js';
import { fileName } from './spool-files.js';
import { frameAt } from './spool-frame.js';

/** Enough to learn how long a frame is. */
const LEAST_READ_BYTES = 64;

/**
 * Frames from `from` on and in front of `end`, up to about `maxBytes`, at least one. What is decoded of them are views into one buffer.
 * @throws KeystoneError KS_LOG when none can be read there.
 */
export async function readFrames(
  folder: string,
  number: number,
  { from, end, maxBytes }: { readonly from: number; readonly end: number; readonly maxBytes: number },
): Promise<readonly Buffer[]> {
  const file = path.join(folder, fileName(number));
  const handle = await open(file, 'r');
  try {
    const bytesAt = async (length: number): Promise<Buffer> => {
      // Not from the pool: the records are views into it.
      const buffer = Buffer.from(new ArrayBuffer(Math.min(length, end - from)));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
      return buffer.subarray(0, bytesRead);
    };
    let bytes = await bytesAt(Math.max(maxBytes, LEAST_READ_BYTES));
    const first = frameAt(bytes, 0);
    if (first.kind === 'cut') bytes = await bytesAt(first.sizeBytes ?? maxBytes);
    const frames: Buffer[] = [];
    for (let at = 0; ;) {
      const found = frameAt(bytes, at);
      if (found.kind !== 'frame') break;
      frames.push(found.bytes);
      at += found.bytes.length;
    }
    if (frames.length === 0)
      throw new KeystoneError('KS_LOG', `the spool file ${file} cannot be read at byte ${from}`, {
        hint: 'the disk has lost or changed what was written there; nothing behind it is sent',
      });
    return frames;
  } finally {
    await handle.close();
  }
}
