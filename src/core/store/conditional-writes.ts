/**
 * Whether an endpoint really honours `If-None-Match` and `If-Match`. Several that call themselves compatible take such a put and
 * ignore its condition: two writers would then both believe that their commit is the table's newest, and one of them would be lost.
 */
import { randomUUID } from 'node:crypto';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { KeystoneError } from '../errors.js';
import { RESERVED_SEGMENT } from './object-key.js';
import type { S3Bucket } from './s3-client.js';
import { putUnder } from './s3-put.js';

/** Tries it on an object of its own, which is removed again. Throws KS_STORE where a condition is not honoured, or what the SDK throws. */
export async function requireConditionalWrites(bucket: S3Bucket, keyOf: (key: string) => string): Promise<void> {
  const key = keyOf(`${RESERVED_SEGMENT}/probe-${randomUUID()}`);
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  try {
    const made = await putUnder(bucket, key, bytes('first'), { kind: 'ifAbsent' }, {});
    if (made.kind !== 'stored') throw dishonoured(bucket, 'If-None-Match: * refuses an object that is not there');
    if ((await putUnder(bucket, key, bytes('second'), { kind: 'ifAbsent' }, {})).kind === 'stored')
      throw dishonoured(bucket, 'If-None-Match: * is ignored');
    const changed = await putUnder(bucket, key, bytes('third'), { kind: 'ifMatch', etag: made.etag }, {});
    if (changed.kind !== 'stored') throw dishonoured(bucket, 'If-Match refuses the etag that the object has');
    if ((await putUnder(bucket, key, bytes('fourth'), { kind: 'ifMatch', etag: made.etag }, {})).kind === 'stored')
      throw dishonoured(bucket, 'If-Match is ignored');
  } finally {
    // What stays when this fails too lies below a name that no listing shows.
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.bucket, Key: key })).catch(() => undefined);
  }
}

const dishonoured = ({ endpoint }: S3Bucket, what: string): KeystoneError =>
  new KeystoneError('KS_STORE', `${endpoint} does not honour conditional writes: ${what}`, {
    hint: 'Two writers could overwrite each other there, so nothing is committed: use AWS S3, or a server whose conditional writes hold (versitygw does).',
    details: { endpoint },
  });
