/**
 * The object store of production: a bucket of S3, or a prefix of one. Commits rest on conditional puts, which the endpoint must prove
 * to honour before the first one (`conditional-writes.ts`). Engines read local copies (`read-cache.ts`); what this process writes
 * becomes a copy at once, because it is read soon.
 *
 * An etag is the one that S3 gives: equal bytes may have equal etags, and then `ifMatch` holds for either.
 */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import type { Clock } from '../clock.js';
import type { ProfileConfig } from '../config/config.js';
import { KeystoneError } from '../errors.js';
import { UNGUARDED, type Guard } from '../resilience/guard.js';
import { bounded } from './bounded-work.js';
import { requireConditionalWrites } from './conditional-writes.js';
import { s3Place } from './lake-place.js';
import { RESERVED_SEGMENT, checkedKey, compareKeys } from './object-key.js';
import type { ObjectInfo, ObjectStore, StoredObject } from './object-store.js';
import { openReadCache } from './read-cache.js';
import { openS3Bucket, type Patience, type S3Access, type S3Bucket } from './s3-client.js';
import { isAbsent, s3Error, statusOf } from './s3-error.js';
import { headOf, putUnder } from './s3-put.js';
import { uploader } from './s3-upload.js';

export interface S3StoreOptions extends S3Access {
  readonly s3: ProfileConfig['store']['s3'];
  readonly clock: Clock;
  /** What calls to the bucket go through; local copies are read without it. */
  readonly guard?: Guard;
  /** Default: long enough for a server that is started anew. */
  readonly patience?: Patience;
}

export interface S3Store extends ObjectStore {
  /** Lets local copies and connections go. */
  close(): Promise<void>;
}

const COPIES_AT_ONCE = 16;
/** An answer that ends in the middle of its body is asked for again; the SDK repeats only what fails before. */
const BODY_TRIES = 4;
const DELETED_AT_ONCE = 1000;
/** How long a version that was looked up is taken for the newest: files that engines read are never written twice. */
const FRESH_MS = 60_000;
const MOST_REMEMBERED = 100_000;

/** Nothing is sent before it is needed. Throws KS_CONFIG for settings that do not fit together, KS_STORE for a cache folder that can't be made. */
export async function openS3Store({ s3, clock, patience, guard = UNGUARDED, ...access }: S3StoreOptions): Promise<S3Store> {
  const bucket = await openS3Bucket(s3, access, patience);
  const root = s3Place(bucket.bucket, bucket.prefix);
  const base = bucket.prefix === '' ? '' : `${bucket.prefix}/`;
  const fullKey = (key: string): string => `${base}${key}`;
  const encryption = encryptionOf(s3);
  const cache = await openReadCache({
    folder: s3.cache,
    maxBytes: s3.cacheSize,
    place: `${bucket.endpoint} ${root}`,
    clock,
  });
  const uploads = uploader(bucket, encryption, () => clock.nowMs());
  const copying = bounded(COPIES_AT_ONCE);
  const versions = new Map<string, { readonly etag: string; readonly sizeBytes: number; readonly seenMs: number }>();

  const failing = <T>(action: string, key: string, work: () => Promise<T>): Promise<T> => naming(action, key, () => guard(work));
  const naming = async <T>(action: string, key: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw s3Error(bucket, action, key === '' ? root : `${root}/${key}`, error);
    }
  };

  let proving: Promise<void> | undefined;
  const prove = (): Promise<void> => {
    proving ??= failing('try conditional writes in', '', () => requireConditionalWrites(bucket, fullKey));
    proving.catch(() => (proving = undefined)); // one that could not be tried is tried again
    return proving;
  };

  const remember = (key: string, etag: string, sizeBytes: number): void => {
    if (versions.size >= MOST_REMEMBERED) versions.clear();
    versions.set(key, { etag, sizeBytes, seenMs: clock.nowMs() });
  };

  const versionOf = async (key: string): Promise<{ readonly etag: string; readonly sizeBytes: number } | null> => {
    const known = versions.get(key);
    if (known !== undefined && clock.nowMs() - known.seenMs < FRESH_MS) return known;
    const head = await guard(() => headOf(bucket, fullKey(key)));
    if (head === null) versions.delete(key);
    else remember(key, head.etag, head.sizeBytes);
    return head;
  };

  const copyOf = async (key: string): Promise<string> => {
    for (let tries = 1; ; tries++) {
      const version = await versionOf(key);
      if (version === null) return cache.missing(key);
      try {
        return await cache.copyOf({ key, ...version }, (file) => guard(() => download(bucket, fullKey(key), version.etag, file)));
      } catch (error) {
        // Replaced or deleted between the look and the download.
        if (tries >= BODY_TRIES || (statusOf(error) !== 412 && !isAbsent(error))) throw error;
        versions.delete(key);
      }
    }
  };

  return {
    uri: (key) => (key === '' ? root : `${root}/${checkedKey(key)}`),
    keyOf: (uri) => {
      const path = /^s3[an]?:\/\/(.*)$/s.exec(uri)?.[1];
      const inLake = `${bucket.bucket}/${base}`;
      if (path === undefined || !path.startsWith(inLake)) {
        throw new KeystoneError('KS_STORE', `${uri} lies outside the lake ${root}`, {
          hint: 'Table metadata holds absolute paths: when the lake was copied to another place, keystone table relocate makes it readable where it lies now.',
        });
      }
      return checkedKey(path.slice(inLake.length));
    },
    put: async (key, body, condition) => {
      const full = fullKey(checkedKey(key));
      if (condition !== undefined) await prove();
      versions.delete(key);
      return failing('write', key, () => putUnder(bucket, full, body, condition, encryption));
    },
    putFile: async (key, localPath) => {
      const full = fullKey(checkedKey(key));
      versions.delete(key);
      const { etag, sizeBytes } = await failing('take in', key, () => uploads.upload(full, localPath));
      // The object is there: what goes wrong with its copy is a matter of speed.
      await cache.adopt({ key, etag, sizeBytes }, localPath).catch(() => undefined);
      remember(key, etag, sizeBytes);
      await rm(localPath, { force: true });
    },
    get: async (key) => {
      const full = fullKey(checkedKey(key));
      return failing('read', key, () => wholeObject(bucket, full));
    },
    list: (prefix) => listBucket(bucket, base, prefix, (work) => failing('list', prefix, work)),
    folders: async (prefix) => {
      if (prefix !== '') checkedKey(prefix.replace(/\/$/, ''));
      const below = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
      const names: string[] = [];
      for await (const page of pagesOf(bucket, { Prefix: fullKey(below), Delimiter: '/' }, (work) =>
        failing('list', prefix, work),
      )) {
        for (const { Prefix = '' } of page.CommonPrefixes ?? [])
          names.push(Prefix.slice(fullKey(below).length).replace(/\/$/, ''));
      }
      return names.filter((name) => name !== '' && !name.startsWith(RESERVED_SEGMENT)).toSorted(compareKeys);
    },
    delete: async (keys) => {
      const full = keys.map((key) => fullKey(checkedKey(key)));
      for (const key of keys) versions.delete(key);
      for (let from = 0; from < full.length; from += DELETED_AT_ONCE) {
        const batch = full.slice(from, from + DELETED_AT_ONCE);
        await failing('delete', keys[from] ?? '', () => deleteBatch(bucket, root, batch));
      }
    },
    localPath: async (key) => {
      checkedKey(key);
      return copying(() => naming('read', key, () => copyOf(key)));
    },
    stagingDir: () => cache.stagingDir(),
    proveConditions: prove,
    close: async () => {
      await cache.close();
      bucket.client.destroy();
    },
  };
}

function encryptionOf({ encryption, kmsKey }: ProfileConfig['store']['s3']): Partial<PutObjectCommandInput> {
  if (encryption === 'none') return {};
  return {
    ServerSideEncryption: encryption,
    ...(encryption === 'aws:kms' && kmsKey !== undefined ? { SSEKMSKeyId: kmsKey } : {}),
  };
}

async function wholeObject({ reader, bucket }: S3Bucket, key: string): Promise<StoredObject | null> {
  for (let tries = 1; ; tries++) {
    try {
      const { Body, ETag } = await reader.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return { body: (await Body?.transformToByteArray()) ?? new Uint8Array(), etag: ETag ?? '' };
    } catch (error) {
      if (isAbsent(error)) return null;
      // Without a status the answer broke off after it had begun, or all tries of the SDK are used up.
      if (!brokeOff(error) || tries >= BODY_TRIES) throw error;
    }
  }
}

async function download({ reader, bucket }: S3Bucket, key: string, etag: string, file: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const { Body } = await reader.send(new GetObjectCommand({ Bucket: bucket, Key: key, IfMatch: etag }));
      await pipeline(Body as Readable, createWriteStream(file));
      return;
    } catch (error) {
      if (!brokeOff(error) || tries >= BODY_TRIES) throw error;
    }
  }
}

/** A body that ended early or was damaged; errors of a request carry the SDK's metadata. */
const brokeOff = (error: unknown): boolean =>
  error instanceof Error &&
  !('$metadata' in error) &&
  (/checksum|aborted|premature/i.test(error.message) ||
    ('code' in error && /^(ECONNRESET|ERR_STREAM_PREMATURE_CLOSE|EPIPE|ETIMEDOUT)$/.test(String(error.code))));

type Failing = <T>(work: () => Promise<T>) => Promise<T>;

async function* pagesOf(
  { reader, bucket }: S3Bucket,
  query: { readonly Prefix: string; readonly Delimiter?: string },
  failing: Failing,
): AsyncIterable<ListObjectsV2CommandOutput> {
  let token: string | undefined;
  do {
    const page: ListObjectsV2CommandOutput = await failing(() =>
      reader.send(
        new ListObjectsV2Command({ Bucket: bucket, ...query, ...(token === undefined ? {} : { ContinuationToken: token }) }),
      ),
    );
    yield page;
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

/** S3 lists in the order of UTF-8 bytes. Names that no key of ours may have (folder marks of a console, probes) are passed over. */
async function* listBucket(bucket: S3Bucket, base: string, prefix: string, failing: Failing): AsyncIterable<ObjectInfo> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (folder !== '') checkedKey(folder.slice(0, -1));
  for await (const page of pagesOf(bucket, { Prefix: `${base}${prefix}` }, failing)) {
    for (const { Key = '', Size = 0, LastModified, ETag = '' } of page.Contents ?? []) {
      const key = Key.slice(base.length);
      if (key.endsWith('/') || key.split('/').some((segment) => segment === '' || segment.startsWith(RESERVED_SEGMENT))) continue;
      yield { key, sizeBytes: Size, modifiedMs: LastModified?.getTime() ?? 0, etag: ETag };
    }
  }
}

async function deleteBatch({ client, bucket }: S3Bucket, root: string, keys: readonly string[]): Promise<void> {
  const { Errors = [] } = await client.send(
    new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true } }),
  );
  const [first] = Errors.filter(({ Code }) => Code !== 'NoSuchKey');
  if (!first) return;
  throw new KeystoneError(
    first.Code === 'AccessDenied' ? 'KS_CREDENTIALS' : 'KS_STORE',
    `Could not delete ${Errors.length} of ${keys.length} objects in ${root}, the first ${first.Key}: ${first.Code} ${first.Message ?? ''}`,
    {
      hint: 'Give this identity s3:DeleteObject there; the same command goes on where it stopped.',
      details: { place: root, cause: first.Code ?? null },
    },
  );
}
