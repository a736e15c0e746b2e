/** Files into S3: a small one in one put, a large one in parts beside each other; a bound on what is held in memory meanwhile. */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { bounded } from './bounded-work.js';
import type { S3Bucket } from './s3-client.js';

/** A file up to this size is one put; a larger one comes in parts of it. 10,000 parts: 80 GiB. */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 4;
const PUTS_AT_ONCE = 8;
/** Nobody uploads one file for this long. */
const ABANDONED_MS = 24 * 3_600_000;

export interface Uploader {
  /** Resolves to the etag and size once the object is durable. Throws what the SDK or the file system throws; then no object was made. */
  upload(key: string, file: string): Promise<{ readonly etag: string; readonly sizeBytes: number }>;
}

/** At most 96 MiB of files are in memory. `nowMs`: wall clock, for the age of uploads that were left half done. */
export function uploader(bucket: S3Bucket, fields: Partial<PutObjectCommandInput>, nowMs: () => number): Uploader {
  const put = bounded(PUTS_AT_ONCE);
  const inParts = bounded(1);
  let swept = false;

  const whole = async (key: string, file: string): Promise<string> => {
    const Body = await readFile(file);
    const input = { ...fields, Bucket: bucket.bucket, Key: key, Body, ChecksumAlgorithm: 'CRC32' as const };
    return (await bucket.client.send(new PutObjectCommand(input))).ETag ?? '';
  };

  const parts = async (key: string, file: string): Promise<string> => {
    if (!swept) {
      swept = true;
      await abortAbandoned(bucket, nowMs());
    }
    const upload = new Upload({
      client: bucket.client,
      params: {
        ...fields,
        Bucket: bucket.bucket,
        Key: key,
        Body: createReadStream(file, { highWaterMark: 1024 * 1024 }),
        ChecksumAlgorithm: 'CRC32',
      },
      partSize: PART_BYTES,
      queueSize: PARTS_AT_ONCE,
      leavePartsOnError: false, // aborts: parts that nobody completes are paid for and never seen
    });
    return (await upload.done()).ETag ?? '';
  };

  return {
    upload: async (key, file) => {
      const { size } = await stat(file);
      const etag = await (size <= PART_BYTES ? put(() => whole(key, file)) : inParts(() => parts(key, file)));
      return { etag, sizeBytes: size };
    },
  };
}

/** Aborts what killed processes left half uploaded below the lake's prefix. Not everyone may list uploads: then a lifecycle rule has to do it. */
async function abortAbandoned({ client, bucket, prefix }: S3Bucket, nowMs: number): Promise<void> {
  try {
    const { Uploads = [] } = await client.send(
      new ListMultipartUploadsCommand({ Bucket: bucket, ...(prefix === '' ? {} : { Prefix: `${prefix}/` }) }),
    );
    for (const { Key, UploadId, Initiated } of Uploads) {
      if (Key === undefined || UploadId === undefined || Initiated === undefined) continue;
      if (nowMs - Initiated.getTime() < ABANDONED_MS) continue;
      await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }));
    }
  } catch {
    // Only tidying: the upload itself says what is wrong with the endpoint.
  }
}
