/** The bytes of a file as they are, or unzipped where the file is a gzip (told by its first bytes, not by its name). */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { KeystoneError, messageOf } from '../../errors.js';

const CHUNK_BYTES = 1 << 18;

/**
 * @throws KeystoneError KS_NOT_FOUND when the file cannot be opened, KS_CHECK_FAILED when a `.gz` is no gzip or when it breaks
 *   off (a truncated gzip); what came before has been yielded.
 */
export async function* fileBytes(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  let isGzip: boolean;
  try {
    const handle = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
      isGzip = bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new KeystoneError('KS_NOT_FOUND', `cannot read ${path}: ${messageOf(cause)}`, { hint: `ls -l ${path}`, cause });
  }
  // Plain text under this name is a download that failed or a mistake: read as it is, it would be rows of nonsense.
  if (!isGzip && /\.gz$/i.test(path)) {
    throw new KeystoneError('KS_CHECK_FAILED', `${path} is no gzip file: it does not start like one`, {
      hint: `gzip -t ${path}; if it is plain text: mv ${path} ${path.slice(0, -'.gz'.length)}`,
    });
  }
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  // pipeline, because pipe() would leave a read error of the file without a listener.
  const bytes: Readable = isGzip ? pipeline(file, createGunzip({ chunkSize: CHUNK_BYTES }), () => undefined) : file;
  try {
    for await (const chunk of bytes) {
      signal.throwIfAborted();
      yield chunk as Buffer;
    }
  } catch (cause) {
    if (signal.aborted) throw interrupted(path);
    throw new KeystoneError('KS_CHECK_FAILED', `${path} breaks off: ${messageOf(cause)}`, {
      hint: isGzip ? `gzip -t ${path}` : `ls -l ${path}`,
      cause,
    });
  } finally {
    file.destroy();
  }
}

/** Stopped on request: ids come from the content, so the same command again adds no second event. */
export const interrupted = (what: string): KeystoneError =>
  new KeystoneError('KS_INTERRUPTED', `stopped before the end of ${what}`, {
    hint: 'run the same command again: events already sent become duplicates, not new events',
  });
