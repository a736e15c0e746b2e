/**
 * One object put under a condition. A repeat whose first try was stored while its answer was lost meets its own object and is refused
 * like a stranger; each put carries a name of its own in the object's metadata, so the two are told apart. (Equal bytes would not
 * do: two writers may well want to store the same.)
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { HeadObjectCommand, PutObjectCommand, type PutObjectCommandInput } from '@aws-sdk/client-s3';
import type { PutCondition, PutOutcome } from './object-store.js';
import type { S3Bucket } from './s3-client.js';
import { isAbsent, refusalOf, statusOf } from './s3-error.js';

const PUT_NAME = 'keystone-put';
/** `ConditionalRequestConflict`: another conditional write of this key is under way, and S3 asks to try again. */
const BUSY_TRIES = 10;
const BUSY_WAIT_MS = 20;

/**
 * `conflict`: nothing was written, except that an `ifMatch` put may have been stored and replaced again before its lost answer was
 * looked for. `fields`: encryption and the like. Throws what the SDK throws.
 */
export async function putUnder(
  { client, reader, bucket }: S3Bucket,
  key: string,
  body: Uint8Array,
  condition: PutCondition | undefined,
  fields: Partial<PutObjectCommandInput>,
): Promise<PutOutcome> {
  const putName = randomUUID();
  const input: PutObjectCommandInput = {
    ...fields,
    Bucket: bucket,
    Key: key,
    Body: body,
    ChecksumAlgorithm: 'CRC32',
    ...(condition === undefined ? {} : { Metadata: { [PUT_NAME]: putName } }),
    ...(condition?.kind === 'ifAbsent' ? { IfNoneMatch: '*' } : {}),
    ...(condition?.kind === 'ifMatch' ? { IfMatch: condition.etag } : {}),
  };
  for (let tries = 1; ; tries++) {
    try {
      const { ETag } = await client.send(new PutObjectCommand(input));
      return { kind: 'stored', etag: ETag ?? '' };
    } catch (error) {
      if (condition === undefined) throw error;
      if (statusOf(error) === 409 && refusalOf(error) !== 'PreconditionFailed' && tries < BUSY_TRIES) {
        await delay(BUSY_WAIT_MS * tries);
        continue;
      }
      const isRefused = statusOf(error) === 412 || (condition.kind === 'ifMatch' && isAbsent(error));
      if (!isRefused) throw error;
      const there = await headOf({ reader, bucket }, key);
      return there?.putName === putName ? { kind: 'stored', etag: there.etag } : { kind: 'conflict' };
    }
  }
}

/** What is known of an object without its bytes; null when it is absent. */
export async function headOf(
  { reader, bucket }: Pick<S3Bucket, 'reader' | 'bucket'>,
  key: string,
): Promise<{ readonly etag: string; readonly sizeBytes: number; readonly putName: string | undefined } | null> {
  try {
    const head = await reader.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return { etag: head.ETag ?? '', sizeBytes: head.ContentLength ?? 0, putName: head.Metadata?.[PUT_NAME] };
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}
