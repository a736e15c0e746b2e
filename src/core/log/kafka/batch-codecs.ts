/** Compression of Kafka's record batches, both ways. What a topic never uses is never loaded. */
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { KeystoneError, messageOf } from '../../errors.js';

/** By the number in the batch's attributes. */
export const CODEC_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type CodecName = (typeof CODEC_NAMES)[number];

/** More is no batch but a bomb: producers' batches are a few megabytes. */
const MAX_BYTES = 512 * 1024 * 1024;

const gunzip = promisify(zlib.gunzip);

/** What batches are written with. */
export interface BatchCompressor {
  /** In the batch's attributes. */
  readonly number: number;
  readonly compress: (bytes: Buffer) => Buffer;
}

/** zlib's fastest: half of the CPU of its default for a tenth more bytes. */
const GZIP_LEVEL = 1;

/** null for `none`. zstd is read only: Node 20 has no writer of it. */
export async function batchCompressor(codec: Exclude<CodecName, 'zstd'>): Promise<BatchCompressor | null> {
  const number = CODEC_NAMES.indexOf(codec);
  switch (codec) {
    case 'none':
      return null;
    case 'gzip':
      return { number, compress: (bytes) => zlib.gzipSync(bytes, { level: GZIP_LEVEL }) };
    case 'snappy':
      return { number, compress: (await import('./snappy-writer.js')).compressSnappy };
    case 'lz4':
      return { number, compress: (await import('./lz4-writer.js')).compressLz4 };
  }
}

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
