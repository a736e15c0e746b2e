/** Files of any bucket as local files, for what reads files: same identity and endpoint as the lake's bucket, another bucket. */
import { createWriteStream } from 'node:fs';
import { mkdir, utimes } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { ProfileConfig } from '../config/config.js';
import { KeystoneError } from '../errors.js';
import { checkedKey } from './object-key.js';
import { openS3Bucket, type S3Access, type S3Bucket } from './s3-client.js';
import { isAbsent, s3Error } from './s3-error.js';

export interface FetchS3Options extends S3Access {
  readonly s3: ProfileConfig['store']['s3'];
  readonly signal: AbortSignal;
}

/**
 * Fetches the object `s3://bucket/key`, or with a `/` at the end all objects right below it, to `<folder>/<bucket>/<key>`; resolves to the
 * local file or folder; files carry the objects' times. Throws KS_NOT_FOUND when there is nothing, KS_USAGE for what is no such URI, KS_STORE, KS_CREDENTIALS.
 */
export async function fetchS3(uri: string, folder: string, { s3, signal, ...access }: FetchS3Options): Promise<string> {
  const [, bucketName, key = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(uri) ?? [];
  if (bucketName === undefined) {
    throw new KeystoneError('KS_USAGE', `${uri} names no bucket`, { hint: 'write s3://bucket/folder/ or s3://bucket/file.csv' });
  }
  const bucket = await openS3Bucket({ ...s3, bucket: bucketName, prefix: '' }, access);
  try {
    const isFolder = key === '' || key.endsWith('/');
    const keys = isFolder ? await keysBelow(bucket, key) : [key];
    for (const one of keys) await fetchOne(bucket, one, path.join(folder, bucketName, checkedKey(one)), signal);
    if (keys.length === 0) throw nothingAt(uri, 'aws s3 ls shows what is there');
    return path.join(folder, bucketName, key);
  } finally {
    bucket.client.destroy();
  }
}

async function keysBelow(bucket: S3Bucket, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const request = {
      Bucket: bucket.bucket,
      Prefix: prefix,
      Delimiter: '/',
      ...(token === undefined ? {} : { ContinuationToken: token }),
    };
    const page = await bucket.reader.send(new ListObjectsV2Command(request)).catch((error: unknown) => {
      throw s3Error(bucket, 'list', `s3://${bucket.bucket}/${prefix}`, error);
    });
    for (const { Key = '' } of page.Contents ?? []) if (!Key.endsWith('/')) keys.push(Key);
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
  return keys;
}

async function fetchOne(bucket: S3Bucket, key: string, file: string, signal: AbortSignal): Promise<void> {
  const uri = `s3://${bucket.bucket}/${key}`;
  await mkdir(path.dirname(file), { recursive: true });
  try {
    const { Body, LastModified } = await bucket.reader.send(new GetObjectCommand({ Bucket: bucket.bucket, Key: key }), {
      abortSignal: signal,
    });
    await pipeline(Body as Readable, createWriteStream(file), { signal });
    // Who comes back for the same file tells by its time whether it is the same still.
    if (LastModified) await utimes(file, LastModified, LastModified);
  } catch (error) {
    if (signal.aborted)
      throw new KeystoneError('KS_INTERRUPTED', `stopped before the end of ${uri}`, { hint: 'run the same command again' });
    if (isAbsent(error)) throw nothingAt(uri, `for all files below a prefix end it with a slash: ${uri}/`);
    throw s3Error(bucket, 'read', uri, error);
  }
}

const nothingAt = (uri: string, hint: string): KeystoneError =>
  new KeystoneError('KS_NOT_FOUND', `there is nothing at ${uri}`, { hint });
