/** What only shows on a network: lost and broken answers, refusals, endpoints that only pretend, parts of uploads. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SILENT, type LogFields } from '../../src/core/logging/logger.js';
import type { ObjectStore } from '../../src/core/store/object-store.js';
import { openS3Store } from '../../src/core/store/s3-store.js';
import { ACCESS_KEY, SECRET_KEY } from '../services/versitygw.js';
import { systemEffects } from '../support/effects.js';
import { faultyProxy, type FaultyProxy, type SeenRequest } from './faulty-proxy.js';
import { freshBucket, hasS3, openStore, S3_ENV, s3Server } from './s3-server.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = async (store: ObjectStore, key: string): Promise<string | null> => {
  const stored = await store.get(key);
  return stored && new TextDecoder().decode(stored.body);
};

const isPut = ({ method, url }: SeenRequest): boolean =>
  method === 'PUT' && !url.includes('.keystone-staging') && !url.includes('uploadId');

describe.skipIf(!hasS3)('S3 over a network', () => {
  const server = s3Server();

  /** A store behind a proxy, and one beside it. */
  const behindProxy = async (
    settings: Record<string, unknown> = {},
  ): Promise<{
    readonly store: ObjectStore;
    readonly other: ObjectStore;
    readonly proxy: FaultyProxy;
    readonly bucket: string;
  }> => {
    const proxy = await faultyProxy(server().endpoint);
    const s3 = await freshBucket(server(), settings);
    const store = await openStore({ ...s3, endpoint: proxy.endpoint });
    return { store, other: await openStore(s3), proxy, bucket: s3.bucket ?? '' };
  };

  it('tells its own object, whose answer was lost, from one of another writer', async () => {
    const { store, other, proxy } = await behindProxy();
    await store.put('warm', bytes('up'), { kind: 'ifAbsent' });
    const first = proxy.seen.length;
    proxy.setFault((seen, nth) => (isPut(seen) && nth === first ? 'lose' : 'none'));
    const made = await store.put('v1', bytes('mine'), { kind: 'ifAbsent' });
    expect(proxy.seen.slice(first).filter(isPut).length).toBe(2);
    expect(made).toEqual({ kind: 'stored', etag: (await other.get('v1'))?.etag });

    const second = proxy.seen.length;
    proxy.setFault((seen, nth) => (isPut(seen) && nth === second ? 'lose' : 'none'));
    const etag = made.kind === 'stored' ? made.etag : '';
    expect((await store.put('v1', bytes('changed'), { kind: 'ifMatch', etag })).kind).toBe('stored');
    expect(await textOf(other, 'v1')).toBe('changed');

    // The same bytes of somebody else are somebody else's.
    await other.put('v2', bytes('same'), { kind: 'ifAbsent' });
    const third = proxy.seen.length;
    proxy.setFault((seen, nth) => (isPut(seen) && nth === third ? 'lose' : 'none'));
    expect(await store.put('v2', bytes('same'), { kind: 'ifAbsent' })).toEqual({ kind: 'conflict' });
  });

  it('tries again what S3 asks to try again, also for the answer that another write is under way', async () => {
    const { store, proxy } = await behindProxy();
    await store.put('warm', bytes('up'), { kind: 'ifAbsent' });
    const from = proxy.seen.length;
    proxy.setFault((_, nth) => {
      if (nth === from) return { status: 409, code: 'ConditionalRequestConflict' };
      if (nth === from + 1) return { status: 503, code: 'SlowDown' };
      if (nth === from + 2) return { status: 500, code: 'InternalError' };
      return 'none';
    });
    expect((await store.put('a', bytes('x'), { kind: 'ifAbsent' })).kind).toBe('stored');
    expect(await textOf(store, 'a')).toBe('x');
  });

  it('waits a tenth of a second before it reads again, and a second before it writes again', async () => {
    const proxy = await faultyProxy(server().endpoint);
    const s3 = await freshBucket(server(), { endpoint: proxy.endpoint });
    const waits: unknown[] = [];
    const logger = {
      ...SILENT,
      warn: (event: string, { delayMs, of }: LogFields = {}) => void waits.push({ event, delayMs, of }),
    };
    const store = await openS3Store({ s3, env: S3_ENV, projectDir: '/', clock: systemEffects().clock, logger });
    onTestFinished(() => store.close());
    const blipOf = (method: string): void => {
      const from = proxy.seen.length;
      proxy.setFault((seen, nth) => (nth === from && seen.method === method ? { status: 503, code: 'SlowDown' } : 'none'));
    };
    blipOf('PUT');
    await store.put('a', bytes('x'));
    blipOf('GET');
    expect(await textOf(store, 'a')).toBe('x');
    const [write, read] = waits as { readonly delayMs: number }[];
    expect(waits).toMatchObject([
      { event: 'retry.again', of: 5 },
      { event: 'retry.again', of: 5 },
    ]);
    expect(write?.delayMs).toBeGreaterThanOrEqual(1000);
    expect(write?.delayMs).toBeLessThanOrEqual(1100);
    expect(read?.delayMs).toBeGreaterThanOrEqual(100);
    expect(read?.delayMs).toBeLessThanOrEqual(110);
  });

  it('reads whole what came in half', async () => {
    const { store, other, proxy } = await behindProxy();
    const body = randomBytes(300_000);
    await other.put('big', body);
    let cuts = 0;
    proxy.setFault(({ method }) => (method === 'GET' && cuts++ % 2 === 0 ? 'cut' : 'none'));
    expect(Buffer.from((await store.get('big'))?.body ?? []).equals(body)).toBe(true);
    expect((await readFile(await store.localPath('big'))).equals(body)).toBe(true);
    expect(cuts).toBeGreaterThanOrEqual(4);
  });

  it('gives up on an endpoint that never answers, that refuses, or that is not there, and says so', async () => {
    const proxy = await faultyProxy(server().endpoint);
    const s3 = await freshBucket(server(), {});
    const patience = { tries: 2, connectMs: 500, answerMs: 700, silenceMs: 500 };
    const open = async (endpoint: string): Promise<ObjectStore> => {
      const store = await openS3Store({
        s3: { ...s3, endpoint },
        env: S3_ENV,
        projectDir: '/',
        clock: systemEffects().clock,
        patience,
      });
      onTestFinished(() => store.close());
      return store;
    };
    proxy.setFault(() => 'hang');
    const startedMs = Date.now();
    await expect((await open(proxy.endpoint)).get('a')).rejects.toMatchObject({
      code: 'KS_STORE',
      message: expect.stringContaining('does not answer'),
      hint: expect.stringContaining('keystone doctor'),
    });
    expect(Date.now() - startedMs).toBeLessThan(10_000);
    proxy.setFault(() => ({ status: 503, code: 'SlowDown' }));
    await expect((await open(proxy.endpoint)).put('a', bytes('x'), { kind: 'ifAbsent' })).rejects.toMatchObject({
      code: 'KS_STORE',
      message: expect.stringContaining('SlowDown, 2 tries'),
    });
    await expect((await open('http://127.0.0.1:1')).get('a')).rejects.toMatchObject({ code: 'KS_STORE', exitCode: 5 });
  });

  it('refuses to commit where conditions are ignored, and leaves no trace of having tried', async () => {
    const { store, other, proxy } = await behindProxy();
    proxy.setFault(() => 'pretend');
    await expect(store.put('v1', bytes('x'), { kind: 'ifAbsent' })).rejects.toMatchObject({
      code: 'KS_STORE',
      message: expect.stringContaining('If-None-Match: * is ignored'),
      hint: expect.stringContaining('nothing is committed'),
    });
    expect(await other.get('v1')).toBeNull();
    proxy.setFault(({ headers }) => (headers['if-match'] === undefined ? 'none' : 'pretend'));
    await expect(store.put('v1', bytes('x'), { kind: 'ifAbsent' })).rejects.toMatchObject({
      message: expect.stringContaining('If-Match is ignored'),
    });
    proxy.setFault(() => 'none');
    expect((await store.put('v1', bytes('x'), { kind: 'ifAbsent' })).kind).toBe('stored');
    const asked = proxy.seen.length;
    await store.put('v2', bytes('x'), { kind: 'ifAbsent' });
    expect(proxy.seen.length).toBe(asked + 1); // proved once for the process
    expect(proxy.seen.filter(({ method, url }) => method === 'DELETE' && url.includes('.keystone-staging')).length).toBe(3);
  });

  it('names wrong credentials, a wrong bucket and a missing secret without showing any', async () => {
    const s3 = await freshBucket(server());
    const wrong = await openStore(s3, { ...S3_ENV, KS_TEST_S3_SECRET: 'not-this-one' });
    const refused = await wrong.get('a').catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'KS_CREDENTIALS',
      exitCode: 4,
      hint: expect.stringContaining('store.s3.secretAccessKey'),
    });
    expect(JSON.stringify(refused) + String(refused)).not.toContain('not-this-one');
    const unknown = await openStore(s3, { ...S3_ENV, KS_TEST_S3_KEY: 'nobody' });
    await expect(unknown.put('a', bytes('x'))).rejects.toMatchObject({ code: 'KS_CREDENTIALS' });
    await expect((await openStore({ ...s3, bucket: 'not-there' })).get('a')).rejects.toMatchObject({
      code: 'KS_STORE',
      message: expect.stringContaining('there is no bucket not-there'),
    });
    await expect(openStore(s3, {})).rejects.toMatchObject({
      code: 'KS_CONFIG',
      message: expect.stringContaining('env:KS_TEST_S3_KEY'),
    });
  });

  it('tells a file of this machine from the network, while uploading and while fetching', async () => {
    const proxy = await faultyProxy(server().endpoint);
    const s3 = await freshBucket(server());
    const patience = { tries: 2, connectMs: 500, answerMs: 700, silenceMs: 500 };
    const store = await openS3Store({
      s3: { ...s3, endpoint: proxy.endpoint },
      env: S3_ENV,
      projectDir: '/',
      clock: systemEffects().clock,
      patience,
    });
    onTestFinished(() => store.close());
    await expect(store.putFile('a', '/not/there')).rejects.toMatchObject({
      code: 'KS_STORE',
      hint: expect.stringContaining('not the bucket'),
    });
    await store.put('b', bytes('x'));
    proxy.setFault(({ method }) => (method === 'GET' ? 'lose' : 'none'));
    await expect(store.localPath('b')).rejects.toMatchObject({
      code: 'KS_STORE',
      message: expect.stringContaining('does not answer'),
    });
    await rm(path.join(s3.cache, 'objects'), { recursive: true });
    await writeFile(path.join(s3.cache, 'objects'), 'a file stands in the way');
    proxy.setFault(() => 'none');
    await expect(store.localPath('b')).rejects.toMatchObject({
      code: 'KS_STORE',
      hint: expect.stringContaining('store.s3.cache'),
    });
  });

  it('uploads a large file in parts under checksums, and leaves no parts behind when one cannot be sent', async () => {
    const { store, other, proxy, bucket } = await behindProxy();
    const body = randomBytes(30_000_000);
    const staged = path.join(await store.stagingDir(), 'large.bin');
    await writeFile(staged, body);
    await store.putFile('large.bin', staged);
    expect(existsSync(staged)).toBe(false);
    const parts = proxy.seen.filter(({ url }) => url.includes('partNumber='));
    expect(parts.length).toBe(4);
    expect(
      parts.every(({ headers }) => headers['x-amz-checksum-crc32'] !== undefined || headers['x-amz-trailer'] !== undefined),
    ).toBe(true);
    expect(Buffer.from((await other.get('large.bin'))?.body ?? []).equals(body)).toBe(true);

    await writeFile(staged, body);
    proxy.setFault(({ url }) => (url.includes('partNumber=3') ? { status: 400, code: 'BadDigest' } : 'none'));
    await expect(store.putFile('broken.bin', staged)).rejects.toMatchObject({ code: 'KS_STORE' });
    expect(existsSync(staged)).toBe(true);
    expect(await other.get('broken.bin')).toBeNull();
    expect(await unfinished(server().endpoint, bucket)).toEqual([]);
  });

  it('aborts what a killed process left half uploaded, once it is a day old', async () => {
    const s3 = await freshBucket(server());
    const client = rawClient(server().endpoint);
    const bucket = s3.bucket ?? '';
    for (const Key of ['lakes/main/t/left.bin', 'elsewhere/left.bin'])
      await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key, ChecksumAlgorithm: 'CRC32' }));
    const large = async (daysLater: number): Promise<void> => {
      const nowMs = (): number => Date.now() + daysLater * 86_400_000;
      const store = await openS3Store({ s3, env: S3_ENV, projectDir: '/', clock: { ...systemEffects().clock, nowMs } });
      onTestFinished(() => store.close());
      const staged = path.join(await store.stagingDir(), `${daysLater}.bin`);
      await writeFile(staged, randomBytes(9_000_000));
      await store.putFile(`t/${daysLater}.bin`, staged);
    };
    await large(0);
    expect(await unfinished(server().endpoint, bucket)).toEqual(['elsewhere/left.bin', 'lakes/main/t/left.bin']);
    await large(2);
    expect(await unfinished(server().endpoint, bucket)).toEqual(['elsewhere/left.bin']);
  });

  it('asks for the encryption that is configured, with every put', async () => {
    const { store, proxy } = await behindProxy({ encryption: 'aws:kms', kmsKey: 'alias/lake' });
    // The server has no keys: what is asked for is what counts here.
    proxy.setFault(() => ({ status: 400, code: 'Seen' }));
    await store.put('a', bytes('x')).catch(() => undefined);
    const staged = path.join(await store.stagingDir(), 'file.bin');
    for (const size of [10, 9_000_000]) {
      await writeFile(staged, Buffer.alloc(size));
      await store.putFile('b', staged).catch(() => undefined);
    }
    const asked = proxy.seen.filter(({ method, url }) => method === 'PUT' || url.includes('?uploads'));
    const writing = asked.filter(({ method, url }) => method === 'PUT' || !url.includes('prefix='));
    expect(writing.filter(({ method }) => method === 'POST').length).toBe(1);
    expect(writing.length).toBe(3);
    for (const { headers } of writing) {
      expect(headers['x-amz-server-side-encryption']).toBe('aws:kms');
      expect(headers['x-amz-server-side-encryption-aws-kms-key-id']).toBe('alias/lake');
    }
  });
});

const rawClient = (endpoint: string): S3Client => {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
  });
  onTestFinished(() => client.destroy());
  return client;
};

async function unfinished(endpoint: string, bucket: string): Promise<readonly string[]> {
  const { Uploads = [] } = await rawClient(endpoint).send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  return Uploads.map(({ Key = '' }) => Key).toSorted();
}
