import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitFromConfig } from '../../../src/core/ingest/admit-client.js';
import { readDoorTls, type TlsConfig } from '../../../src/core/ingest/door-tls.js';
import { encodeEventRequest } from '../../../src/core/ingest/grpc/founding-codec.js';
import type { IngestServerOptions } from '../../../src/core/ingest/ingest-server.js';
import { makeAuthority, readPair, type Authority, type CertificateFiles } from '../../support/certificates.js';
import { bearer, callBytes, openDoor, openStream, sendOne, wireEvent } from '../../support/ingest-door.js';
import { headerOf } from '../../support/memory-log.js';

let dir: string;
let authority: Authority;
let server: CertificateFiles;
beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
  authority = await makeAuthority(dir, 'authority');
  server = await authority.sign('server', { names: ['localhost', '127.0.0.1'] });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const TOKENS = {
  tokens: { shop: 'env:SHOP', till: 'env:TILL' },
  env: { SHOP: 'shop-token-of-the-tests', TILL: 'till-token-of-the-tests' },
};
const UNAUTHENTICATED = { code: status.UNAUTHENTICATED };

const admitTokens = () => admitFromConfig({ ...TOKENS, clientCertificate: 'none', projectDir: dir });

async function tlsOptions(clientCertificate: TlsConfig['clientCertificate']): Promise<Partial<IngestServerOptions>> {
  const files: TlsConfig = { ...server, clientCa: authority.certificate, clientCertificate };
  const door = await readDoorTls(files, Date.now());
  if (!door) throw new Error('no certificate');
  const tls = { door, files, everyMs: 60_000 };
  if (clientCertificate === 'none') return { tls };
  return { tls, admit: await admitFromConfig({ tokens: {}, env: {}, clientCertificate, projectDir: dir }) };
}

/** A TLS client that trusts the authority; with a pair, it shows that certificate. */
async function tlsClient(pair?: CertificateFiles) {
  const shown = pair ? await readPair(pair) : null;
  return credentials.createSsl(await readFile(authority.certificate), shown?.key ?? null, shown?.cert ?? null);
}

describe('bearer tokens', () => {
  it('are needed for both services, streams and reflection, and not for health', async () => {
    const door = await openDoor({ admit: await admitTokens() });
    const client = door.connect();
    for (const metadata of [undefined, bearer('wrong'), bearer('shop-toke')]) {
      expect(await sendOne(client, {}, metadata)).toMatchObject(UNAUTHENTICATED);
      const founding = await callBytes(client, '/IngestionService/SendEvent', encodeEventRequest(Buffer.from('{}')), metadata);
      expect(founding).toMatchObject(UNAUTHENTICATED);
      expect((founding as ServiceError).details).not.toMatch(/shop|till|wrong/);
      expect(await openStream(client, metadata).ended).toMatchObject(UNAUTHENTICATED);
    }
    const reflect = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    expect(await callBytes(client, reflect, Buffer.alloc(0))).toMatchObject(UNAUTHENTICATED);
    expect(await callBytes(client, '/grpc.health.v1.Health/Check', Buffer.alloc(0))).toEqual(Buffer.from([0x08, 0x01]));
    expect(door.log.appended).toEqual([]);
    expect(door.server.totals()).toEqual({ accepted: 0, refused: 0 });
  });

  it("make the producer the event's source, and keep another that it claims", async () => {
    const { log, connect } = await openDoor({ admit: await admitTokens() });
    const client = connect();
    await sendOne(client, { source: 'shop' }, bearer('shop-token-of-the-tests'));
    await sendOne(client, { source: 'somebody' }, bearer('till-token-of-the-tests'));
    const forged = [{ key: 'ks-claimed-source', value: Buffer.from('forged') }];
    await sendOne(client, { headers: forged }, bearer('till-token-of-the-tests'));
    expect(log.appended.map((record) => [headerOf(record, 'ks-source'), headerOf(record, 'ks-claimed-source')])).toEqual([
      ['shop', undefined],
      ['till', 'somebody'],
      ['till', undefined],
    ]);
    expect(JSON.stringify(log.appended.map(({ headers }) => headers.map(({ key }) => key)))).not.toContain('authorization');
  });
});

describe('TLS', () => {
  it('takes clients that trust it, without a certificate where none is asked for', async () => {
    const { log, connect } = await openDoor(await tlsOptions('none'));
    expect(await sendOne(connect(await tlsClient()))).toBeInstanceOf(Buffer);
    expect(log.appended).toHaveLength(1);
  });

  it('gives clients in the clear nothing, and goes on serving the others', async () => {
    const { log, connect, server: running } = await openDoor(await tlsOptions('none'));
    expect(await sendOne(connect())).toMatchObject({ code: status.UNAVAILABLE });
    const answer = await new Promise<string>((resolve) => {
      const socket = connectTcp(running.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(text));
    });
    expect(answer).not.toContain('HTTP');
    expect(await sendOne(connect(await tlsClient()))).toBeInstanceOf(Buffer);
    expect(log.appended).toHaveLength(1);
  });

  it('takes up a renewed certificate without a restart, and keeps the connections that are open', async () => {
    const files = {
      certificate: path.join(dir, 'in-use.pem'),
      key: path.join(dir, 'in-use.key'),
      clientCertificate: 'none',
    } as const;
    await copyFile(server.certificate, files.certificate);
    await copyFile(server.key, files.key);
    const door = await readDoorTls(files, Date.now());
    if (!door) throw new Error('no certificate');
    const events: unknown[] = [];
    const { connect, server: running } = await openDoor({
      tls: { door, files, everyMs: 20 },
      onEvent: (event) => events.push(event),
    });
    const namesShown = (): Promise<string | undefined> =>
      new Promise((resolve, reject) => {
        const socket = connectTls({ port: running.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
          resolve(socket.getPeerX509Certificate()?.subject);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const client = connect(await tlsClient());
    expect(await sendOne(client)).toBeInstanceOf(Buffer);
    expect(await namesShown()).toContain('CN=server');
    const renewed = await authority.sign('server-2', { names: ['127.0.0.1'] });
    await copyFile(renewed.key, files.key);
    await copyFile(renewed.certificate, files.certificate);
    await expect.poll(namesShown).toContain('CN=server-2');
    expect(await sendOne(client)).toBeInstanceOf(Buffer);
    expect(await sendOne(connect(await tlsClient()))).toBeInstanceOf(Buffer);
    expect(events).toContainEqual({ kind: 'certificate', problem: null });
  });

  it('demands a certificate of its authority where one is required, and takes the producer from it', async () => {
    const { log, connect } = await openDoor(await tlsOptions('required'));
    const foreign = await (await makeAuthority(dir, 'foreign')).sign('foreign-press');
    const expired = await authority.sign('expired-press', { days: -1 });
    for (const pair of [undefined, foreign, expired]) {
      expect(await sendOne(connect(await tlsClient(pair)))).toMatchObject({ code: status.UNAVAILABLE });
    }
    expect(log.appended).toEqual([]);
    const press = await authority.sign('press-7');
    const client = connect(await tlsClient(press));
    expect(await sendOne(client, { source: 'else' })).toBeInstanceOf(Buffer);
    expect(headerOf(log.appended[0]!, 'ks-source')).toBe('press-7');
    expect(headerOf(log.appended[0]!, 'ks-claimed-source')).toBe('else');
  });

  it('where certificates are optional, refuses one that is shown and not good, and says why', async () => {
    const { log, connect } = await openDoor(await tlsOptions('optional'));
    const foreign = await (await makeAuthority(dir, 'stranger')).sign('stranger-press');
    const expired = await authority.sign('late-press', { days: -1 });
    expect(await sendOne(connect(await tlsClient(foreign)))).toMatchObject({
      ...UNAUTHENTICATED,
      details: 'the client certificate is not valid: it is not signed by an authority that this server trusts',
    });
    expect(await sendOne(connect(await tlsClient(expired)))).toMatchObject({
      ...UNAUTHENTICATED,
      details: 'the client certificate is not valid: it has expired',
    });
    expect(log.appended).toEqual([]);
    expect(await sendOne(connect(await tlsClient()))).toBeInstanceOf(Buffer);
    expect(headerOf(log.appended[0]!, 'ks-source')).toBe('grpc');
  });
});

describe('limits of a client', () => {
  it('answer RESOURCE_EXHAUSTED with the time to wait, and leave others alone', async () => {
    const limits = { eventsPerSecond: 2, bytesPerSecond: undefined, inFlightBytes: 1_000_000 };
    const { connect } = await openDoor({ admit: await admitTokens(), limits });
    const client = connect();
    const shop = bearer('shop-token-of-the-tests');
    for (const _ of [1, 2]) expect(await sendOne(client, {}, shop)).toBeInstanceOf(Buffer);
    const error = (await sendOne(client, {}, shop)) as ServiceError;
    expect(error).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringMatching(/shop has reached its limit of 2 events per second/) as string,
    });
    const waitMs = Number(error.metadata.get('retry-after-ms')[0]);
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(500);
    expect(await sendOne(client, {}, bearer('till-token-of-the-tests'))).toBeInstanceOf(Buffer);
    const stream = openStream(client, shop);
    stream.send([wireEvent(), wireEvent()]);
    stream.end();
    expect(await stream.ended).toMatchObject({ code: status.OK });
    expect(stream.answers.flat()).toMatchObject([
      { refusal: { code: status.RESOURCE_EXHAUSTED } },
      { refusal: { code: status.RESOURCE_EXHAUSTED } },
    ]);
  });
});
