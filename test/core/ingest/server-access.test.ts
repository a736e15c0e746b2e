import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { admitFromConfig } from '../../../src/core/ingest/admit-client.js';
import { readDoorTls, type TlsConfig } from '../../../src/core/ingest/door-tls.js';
import type { EventResult } from '../../../src/core/ingest/grpc/ingestion-v1-codec.js';
import type { IngestServerOptions } from '../../../src/core/ingest/ingest-server.js';
import { readServerAccess, type GivenAccess } from '../../../src/core/ingest/server-access.js';
import { openServerSink } from '../../../src/core/ingest/grpc/server-sink.js';
import { makeAuthority, type Authority, type CertificateFiles } from '../../support/certificates.js';
import { systemEffects } from '../../support/effects.js';
import { openDoor } from '../../support/ingest-door.js';
import { headerOf } from '../../support/memory-log.js';

let dir: string;
let authority: Authority;
let server: CertificateFiles;
let press: CertificateFiles;
beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
  authority = await makeAuthority(dir, 'authority');
  server = await authority.sign('server', { names: ['localhost', '127.0.0.1'] });
  press = await authority.sign('press-7');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const NOTHING: GivenAccess = {
  tls: false,
  caFile: undefined,
  certificateFile: undefined,
  keyFile: undefined,
  token: undefined,
};
/** Node warns once in a process: those of the tests before count. */
const warned: string[] = [];
process.on('warning', ({ message }) => void warned.push(message));

const ENV = { SHOP: 'shop-token-of-sixteen-letters', WRONG: 'wrong-token-of-sixteen-letters' };
const access = (given: Partial<GivenAccess>, address = '127.0.0.1:1', warnings: string[] = []) =>
  readServerAccess({ ...NOTHING, ...given }, address, {
    env: ENV,
    nowMs: Date.now(),
    warn: (text) => void warnings.push(text),
  });

async function doorWith(clientCertificate: TlsConfig['clientCertificate'], pair = server): Promise<Partial<IngestServerOptions>> {
  const files: TlsConfig = { ...pair, clientCa: authority.certificate, clientCertificate };
  const door = await readDoorTls(files, Date.now());
  if (!door) throw new Error('no certificate');
  return { tls: { door, files, everyMs: 60_000 } };
}

/** Sends one event; the error it ended with, or null. */
async function send(port: number, given: Partial<GivenAccess>, results: EventResult[] = []): Promise<unknown> {
  try {
    const sink = await openServerSink({
      address: `127.0.0.1:${port}`,
      access: await access(given),
      clock: systemEffects().clock,
      signal: new AbortController().signal,
      onResults: (some) => results.push(...some),
      retryMs: 500,
    });
    try {
      await sink.send([
        {
          payload: Buffer.from('{}'),
          dataset: 'orders',
          eventId: 'e1',
          source: 'file',
          headers: [],
          line: 1,
          valueOf: () => null,
        },
      ]);
      await sink.flush();
    } finally {
      sink.close();
    }
    return null;
  } catch (error) {
    return error;
  }
}

describe('access to a server', () => {
  it('over TLS with a token or certificate works, and names the producer', async () => {
    const admit = await admitFromConfig({
      tokens: { shop: 'env:SHOP' },
      clientCertificate: 'optional',
      env: ENV,
      projectDir: dir,
    });
    const { log, server: running } = await openDoor({ ...(await doorWith('optional')), admit });
    const caFile = authority.certificate;
    expect(await send(running.port, { caFile, token: 'env:SHOP' })).toBeNull();
    const shown = { caFile, certificateFile: press.certificate, keyFile: press.key };
    expect(await send(running.port, shown)).toBeNull();
    expect(log.appended.map((record) => headerOf(record, 'ks-source'))).toEqual(['shop', 'press-7']);
    expect(log.appended.map((record) => headerOf(record, 'ks-claimed-source'))).toEqual(['file', 'file']);

    const wrong = await send(running.port, { caFile, token: 'env:WRONG' });
    expect(wrong).toMatchObject({
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('the bearer token is not valid') as string,
    });
    expect(String(wrong)).not.toContain('wrong-token');
    expect(await send(running.port, { caFile })).toMatchObject({
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('a bearer token or a client certificate is needed') as string,
    });
    expect(log.appended).toHaveLength(2);
  });

  it('says what is wrong with the certificates of either side', async () => {
    const { server: mutual } = await openDoor(await doorWith('required'));
    const caFile = authority.certificate;
    const foreign = await (await makeAuthority(dir, 'foreign')).sign('foreign-press');
    const cases: readonly (readonly [Partial<GivenAccess>, RegExp])[] = [
      [{ caFile }, /demands a client certificate/],
      [{ caFile, certificateFile: foreign.certificate, keyFile: foreign.key }, /did not accept the client certificate/],
      [{ caFile: foreign.certificate }, /is not signed by an authority that is trusted here/],
      [{}, /speaks TLS, and was spoken to without/],
    ];
    for (const [given, message] of cases) {
      const error = await send(mutual.port, given);
      expect(error).toMatchObject({ code: 'KS_CREDENTIALS', message: expect.stringMatching(message) as string });
    }
    const elsewhere = await authority.sign('elsewhere', { names: ['elsewhere.example'] });
    const { server: misnamed } = await openDoor(await doorWith('none', elsewhere));
    expect(await send(misnamed.port, { caFile })).toMatchObject({
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('is not for 127.0.0.1') as string,
    });
  });

  it('says that a server speaks no TLS, and that nobody is there', async () => {
    const { server: plain } = await openDoor();
    expect(await send(plain.port, { caFile: authority.certificate })).toMatchObject({
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('speaks no TLS') as string,
    });
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    await new Promise((resolve) => taken.close(resolve));
    expect(await send(port, { caFile: authority.certificate })).toMatchObject({ code: 'KS_SERVER_UNREACHABLE' });
  });

  it('says that a port is that of the HTTP door, with TLS and without', async () => {
    const { server: plain } = await openDoor({ httpPort: 0 });
    const told = { code: 'KS_USAGE', message: expect.stringContaining('speaks HTTP/1.1') as string };
    expect(await send(plain.httpPort ?? 0, {})).toMatchObject(told);
    const { server: guarded } = await openDoor({ httpPort: 0, ...(await doorWith('none')) });
    expect(await send(guarded.httpPort ?? 0, { caFile: authority.certificate })).toMatchObject(told);
  });

  it('at an address of digits is spoken to without Node warning of its name, and the causes of a refusal are one line', async () => {
    const { server: mutual } = await openDoor(await doorWith('required'));
    const shown = { caFile: authority.certificate, certificateFile: press.certificate, keyFile: press.key };
    expect(await send(mutual.port, shown)).toBeNull();
    const refusal = (await send(mutual.port, { caFile: authority.certificate })) as Error;
    expect((refusal.cause as Error).message).not.toMatch(/\n|routines|deps/);
    await new Promise((resolve) => setImmediate(resolve));
    expect(warned).toEqual([]);
  });

  it('waits as a limit says, and goes on', async () => {
    const { log, server: running } = await openDoor({
      limits: { eventsPerSecond: 4, bytesPerSecond: undefined, inFlightBytes: 1_000_000 },
    });
    const results: EventResult[] = [];
    const sink = await openServerSink({
      address: `127.0.0.1:${running.port}`,
      clock: systemEffects().clock,
      signal: new AbortController().signal,
      onResults: (some) => results.push(...some),
      // Far less than the limit makes it wait.
      retryMs: 100,
      batchEvents: 4,
    });
    onTestFinished(() => sink.close());
    const event = { payload: Buffer.from('{}'), dataset: 'orders', source: 'f', headers: [], line: 1, valueOf: () => null };
    await sink.send(Array.from({ length: 8 }, (_, n) => ({ ...event, eventId: `e${n}` })));
    await sink.flush();
    expect(results.map(({ kind }) => kind)).toEqual(results.map(() => 'receipt'));
    expect(log.appended).toHaveLength(8);
  });
});

describe('what is given for a server', () => {
  it('is refused before anything is sent when it does not go together or cannot be read', async () => {
    const expired = await authority.sign('expired-press', { days: -1 });
    const text = path.join(dir, 'text');
    await writeFile(text, 'nothing');
    await copyFile(press.key, path.join(dir, 'copy.key'));
    const cases: readonly (readonly [Partial<GivenAccess>, string, RegExp, string?])[] = [
      [{ certificateFile: press.certificate }, 'KS_USAGE', /a certificate and its key go together/],
      [{ caFile: '/nowhere/ca.pem' }, 'KS_CREDENTIALS', /\/nowhere\/ca\.pem cannot be read/],
      [{ caFile: text }, 'KS_CREDENTIALS', /is no PEM file/],
      [{ certificateFile: expired.certificate, keyFile: expired.key }, 'KS_CREDENTIALS', /expired on/],
      [{ token: 'env:MISSING' }, 'KS_CONFIG', /env:MISSING is not set/],
      [{ token: 'env:SHOP' }, 'KS_USAGE', /would travel to shop\.example:50051 in the clear/, 'shop.example:50051'],
    ];
    for (const [given, code, message, address] of cases) {
      const error: unknown = await access(given, address).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code,
        message: expect.stringMatching(message) as string,
        hint: expect.any(String) as string,
      });
    }
    const warnings: string[] = [];
    await access({ token: 'env:SHOP' }, '127.0.0.1:50051', warnings);
    await access({ token: 'env:SHOP', tls: true }, '127.0.0.1:50051', warnings);
    expect(warnings).toEqual([expect.stringMatching(/to 127\.0\.0\.1:50051 without TLS/)]);
    const literal: unknown = await access({ token: 'my-secret' }).catch((thrown: unknown) => thrown);
    expect(literal).toMatchObject({ code: 'KS_CONFIG' });
    expect(String(literal)).not.toContain('my-secret');
  });
});
