/** Decompression of Kafka's record batches. What a topic never uses is never loaded. */
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { KeystoneError, messageOf } from '../../errors.js';

/** By the number in the batch's attributes. */
export const CODEC_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type CodecName = (typeof CODEC_NAMES)[number];

/** More is no batch but a bomb: producers' batches are a few megabytes. */
const MAX_BYTES = 512 * 1024 * 1024;

const gunzip = promisify(zlib.gunzip);

/** Throws KS_LOG when the bytes are damaged or the codec's package is not there. `what` names the batch. */
export async function decompressBatch(codec: CodecName, bytes: Buffer, what: string): Promise<Buffer> {
  try {
    switch (codec) {
      case 'none':
        return bytes;
      case 'gzip':
        return await gunzip(bytes, { maxOutputLength: MAX_BYTES });
      case 'snappy':
        return (await import('./snappy.js')).decompressSnappy(bytes, MAX_BYTES);
      case 'lz4':
        return (await import('./lz4.js')).decompressLz4(bytes, MAX_BYTES);
      case 'zstd':
        return (await import('./zstd.js')).decompressZstd(bytes, MAX_BYTES);
    }
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND';
    throw new KeystoneError('KS_LOG', `${what} is compressed with ${codec} and cannot be unpacked: ${messageOf(cause)}`, {
      hint: missing ? 'npm install fzstd' : 'the batch is damaged in the log: read it from a replica, or go on behind it',
      cause,
    });
  }
}
