import { readFile } from 'node:fs/promises';
import https from 'node:https';
import { gzipSync } from 'node:zlib';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openApi } from '../../../../src/core/ingest/http/openapi.js';
import { readDoorTls } from '../../../../src/core/ingest/door-tls.js';
import { makeAuthority } from '../../../support/certificates.js';
import {
  JSON_TYPE,
  LIMITS,
  NDJSON_TYPE,
  openHttpDoor,
  post,
  postHead,
  rawConnection,
  rawExchange,
  type Answered,
} from '../../../support/http-door.js';
import { headerOf } from '../../../support/memory-log.js';
import { tempDir } from '../../../support/temp-dir.js';

const payloads = (door: {
  readonly log: { readonly appended: readonly { readonly value: Uint8Array | null }[] };
}): readonly string[] => door.log.appended.map(({ value }) => Buffer.from(value ?? []).toString());

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
ajv.addSchema({ $id: 'door', ...openApi(false) });
const fits = (schema: 'Receipts' | 'Results' | 'Problem', body: unknown): void => {
  const validate = ajv.getSchema(`door#/components/schemas/${schema}`);
  expect(validate?.(body), JSON.stringify([validate?.errors, body])).toBe(true);
};
/** A problem of that status, in the shape that is described. */
const isProblem = ({ status, headers, body }: Answered, expected: number): void => {
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect([status, body['status']]).toEqual([expected, expected]);
  fits('Problem', body);
};
const rawBody = (answer: string): unknown => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));

describe('the HTTP door', () => {
  it('keeps one object, each element of an array, and each line, byte for byte, and answers receipts', async () => {
    const door = await openHttpDoor();
    const one = await post(door, ' {"a": 1.0}\n');
    expect(one.status).toBe(200);
    fits('Receipts', one.body);
    expect(one.body).toMatchObject({ receipts: [{ topic: 'events', partition: 0, offset: 0, durability: 'log' }] });
    await post(door, '[{"b" : 2},\n{"c":3}]');
    await post(door, '{"d":4}\r\n\n{broken\n', NDJSON_TYPE);
    await post(door, gzipSync('[{"e":5}]'), { ...JSON_TYPE, 'content-encoding': 'gzip' });
    expect(payloads(door)).toEqual(['{"a": 1.0}', '{"b" : 2}', '{"c":3}', '{"d":4}', '{broken', '{"e":5}']);
    expect(door.server.totals()).toEqual({ accepted: 6, refused: 0 });
    expect((await post(door, '[]')).body).toEqual({ receipts: [] });
  });

  it('takes dataset, ids and source from path, query and header', async () => {
    const door = await openHttpDoor();
    await post(
      door,
      '{}',
      { ...JSON_TYPE, 'idempotency-key': '"quoted \\" key"', 'x-event-source': Buffer.from('Müller').toString('latin1') },
      '/v1/events/order%20items',
    );
    await post(door, '{}', JSON_TYPE, '/v1/events/orders?ks-event-id=from%2Fquery');
    const several = await post(door, '[{},{}]', { ...JSON_TYPE, 'idempotency-key': 'batch' });
    await post(door, '{}');
    const kept = door.log.appended.map((record) =>
      ['ks-dataset', 'ks-event-id', 'ks-source'].map((name) => headerOf(record, name)),
    );
    expect(kept.slice(0, 4)).toEqual([
      ['order items', 'quoted " key', 'Müller'],
      ['orders', 'from/query', 'http'],
      ['orders', 'batch:1', 'http'],
      ['orders', 'batch:2', 'http'],
    ]);
    expect(kept[4]?.[1]).toMatch(/^[0-9a-f-]{36}$/);
    expect(several.body).toMatchObject({ receipts: [{ event_id: 'batch:1' }, { event_id: 'batch:2' }] });
  });

  it('answers 400 with the byte, 413, 415 and 422, and serves on', async () => {
    const door = await openHttpDoor({ maxMessageBytes: 50_000 });
    const malformed = await post(door, '[{"a":1},{]');
    isProblem(malformed, 400);
    expect(malformed.body).toMatchObject({ offset: 10, code: 'KS_USAGE', type: 'urn:keystone:problem:malformed' });
    isProblem(await post(door, gzipSync('{}').subarray(0, 10), { ...JSON_TYPE, 'content-encoding': 'gzip' }), 400);
    isProblem(await post(door, `"${'x'.repeat(60_000)}"`), 413);
    isProblem(await post(door, gzipSync(`["${' '.repeat(1_000_000)}"]`), { ...JSON_TYPE, 'content-encoding': 'gzip' }), 413);
    isProblem(await post(door, '{}\n'.repeat(10_001), NDJSON_TYPE), 413);
    const type = await post(door, 'a,b', { 'content-type': 'text/csv' });
    isProblem(type, 415);
    expect(type.headers.get('accept-post')).toBe('application/json, application/x-ndjson');
    isProblem(await post(door, '{}', { 'content-type': 'application/json; charset=latin1' }), 415);
    isProblem(await post(door, '{}', { ...JSON_TYPE, 'content-encoding': 'br' }), 415);
    isProblem(await post(door, '[{},{}]', JSON_TYPE, '/v1/events/orders?ks-event-id=one'), 422);
    isProblem(await post(door, '{}', { ...JSON_TYPE, 'idempotency-key': 'x'.repeat(1025) }), 422);
    expect(door.log.appended).toEqual([]);
    expect((await post(door, '{}')).status).toBe(200);
  });

  it('answers a chunked body that grows too large without an end', async () => {
    const door = await openHttpDoor({ maxMessageBytes: 10_000 });
    const connection = await rawConnection(door.port);
    connection.socket.write(
      'POST /v1/events/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    const chunk = `${(1000).toString(16)}\r\n${' '.repeat(1000)}\r\n`;
    for (let n = 0; n < 20; n++) connection.socket.write(chunk);
    await connection.closed;
    expect(connection.received()).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('answers 207 when some are kept and some are not, each with what became of it', async () => {
    const door = await openHttpDoor();
    // With the tenth the number behind the key makes the id too long.
    const mixed = await post(door, `[${Array.from({ length: 10 }, () => '{}').join()}]`, {
      ...JSON_TYPE,
      'idempotency-key': 'k'.repeat(1022),
    });
    expect(mixed.status).toBe(207);
    fits('Results', mixed.body);
    const results = mixed.body['results'] as readonly { readonly status: number }[];
    expect(results.map(({ status }) => status)).toEqual([...Array.from({ length: 9 }, () => 200), 422]);
    expect(door.log.appended.length).toBe(9);
  });

  it('answers 429 with the time to wait when a limit is reached, and 503 when the log is away or full', async () => {
    const limited = await openHttpDoor({ limits: { eventsPerSecond: 2, bytesPerSecond: undefined, inFlightBytes: 1e6 } });
    await post(limited, '[{},{}]');
    const more = await post(limited, '[{},{}]');
    isProblem(more, 429);
    expect(more.body).toMatchObject({ code: 'KS_LIMIT', errors: [{ index: 0 }, { index: 1 }] });
    expect(Number(more.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);

    const door = await openHttpDoor();
    for (const message of ['broker away', 'disk is full']) {
      door.log.failWith = new Error(message);
      const away = await post(door, '{}');
      isProblem(away, 503);
      expect(away.body).toMatchObject({ code: 'KS_LOG', detail: `not kept: ${message}` });
      expect(away.headers.get('retry-after')).toBe('1');
    }
    door.log.failWith = undefined;
    expect((await post(door, '{}')).status).toBe(200);
  });

  it('says whether it lives and whether it could keep an event', async () => {
    const door = await openHttpDoor();
    const get = (path: string): Promise<Response> => fetch(`${door.url}${path}`);
    expect(await (await get('/healthz')).json()).toEqual({ status: 'ok' });
    expect((await get('/readyz')).status).toBe(200);
    door.log.bounds = () => Promise.reject(new Error('no file'));
    const away = await get('/readyz');
    isProblem({ status: away.status, headers: away.headers, body: (await away.json()) as never }, 503);
    expect((await get('/healthz')).status).toBe(200);
  });

  it('knows its routes and methods, HEAD and OPTIONS among them', async () => {
    const door = await openHttpDoor();
    const call = (method: string, path: string): Promise<Response> => fetch(`${door.url}${path}`, { method });
    expect((await call('HEAD', '/healthz')).status).toBe(200);
    const options = await call('OPTIONS', '/v1/events/orders');
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'POST, OPTIONS']);
    for (const [method, path, status, allow] of [
      ['DELETE', '/v1/events/orders', 405, 'POST, OPTIONS'],
      ['GET', '/v1/events/orders', 405, 'POST, OPTIONS'],
      ['PUT', '/healthz', 405, 'GET, HEAD, OPTIONS'],
      ['GET', '/', 404, null],
      ['POST', '/v1/events/', 404, null],
      ['POST', '/v1/events/a/b', 404, null],
    ] as const) {
      const answer = await call(method, path);
      isProblem({ status: answer.status, headers: answer.headers, body: (await answer.json()) as never }, status);
      expect(answer.headers.get('allow')).toBe(allow);
    }
  });

  it('asks for who sends before it takes the body, and keeps who proved it', async () => {
    const door = await openHttpDoor({
      admit: ({ authorization }) =>
        authorization === 'Bearer right'
          ? { kind: 'admitted', client: { name: 'shop', producer: 'shop' } }
          : { kind: 'refused', reason: 'a bearer token is needed' },
    });
    const nobody = await post(door, '{}');
    isProblem(nobody, 401);
    expect(nobody.headers.get('www-authenticate')).toBe('Bearer realm="keystone"');
    isProblem(await post(door, '{}', { ...JSON_TYPE, authorization: 'Bearer wrong' }), 401);
    expect((await post(door, '{}', { ...JSON_TYPE, authorization: 'Bearer right', 'x-event-source': 'other' })).status).toBe(200);
    await post(door, '{}', { ...JSON_TYPE, authorization: 'Bearer right' });
    expect(door.log.appended.map((record) => [headerOf(record, 'ks-source'), headerOf(record, 'ks-claimed-source')])).toEqual([
      ['shop', 'other'],
      ['shop', undefined],
    ]);
    expect((await fetch(`${door.url}/healthz`)).status).toBe(200);
  });

  it('speaks TLS with the certificates of the gRPC door, and knows clients by theirs', async () => {
    const dir = await tempDir();
    const [authority, foreign] = [await makeAuthority(dir, 'ours'), await makeAuthority(dir, 'foreign')];
    const server = await authority.sign('localhost', { names: ['localhost'] });
    const files = { ...server, clientCa: authority.certificate, clientCertificate: 'optional' as const };
    const tls = await readDoorTls(files, Date.now());
    const door = await openHttpDoor({
      ...(tls ? { tls: { door: tls, files, everyMs: 60_000 } } : {}),
      admit: ({ certificateSubject }) =>
        certificateSubject === null
          ? { kind: 'refused', reason: 'a client certificate is needed' }
          : { kind: 'admitted', client: { name: certificateSubject, producer: certificateSubject } },
    });
    const ca = await readFile(authority.certificate);
    const send = async (client?: { readonly certificate: string; readonly key: string }): Promise<string> => {
      const shown = client ? { cert: await readFile(client.certificate), key: await readFile(client.key) } : {};
      return new Promise((resolve) => {
        const request = https.request(
          {
            host: '127.0.0.1',
            servername: 'localhost',
            port: door.port,
            path: '/v1/events/orders',
            method: 'POST',
            headers: JSON_TYPE,
            ca,
            agent: false,
            ...shown,
          },
          (answer) => {
            let text = '';
            answer
              .on('data', (chunk: Buffer) => (text += chunk.toString()))
              .on('end', () => resolve(`${answer.statusCode} ${text}`));
          },
        );
        request.on('error', (error) => resolve(String(error)));
        request.end('{}');
      });
    };
    expect(await send(await authority.sign('shop'))).toMatch(/^200 /);
    expect(await send()).toMatch(/^401 .*a client certificate is needed/);
    expect(await send(await foreign.sign('shop'))).toMatch(/^401 .*not signed by an authority/);
    expect(await send(await authority.sign('late', { days: -1 }))).toMatch(/^401 .*it has expired/);
    expect(door.log.appended.map((record) => headerOf(record, 'ks-source'))).toEqual(['CN=shop\nO=Olist']);
    // Plain HTTP is no TLS: the connection ends, and the door serves on.
    expect(await rawExchange(door.port, postHead(2))).not.toMatch(/^HTTP\/1\.1 200/);
    expect(await send(await authority.sign('again'))).toMatch(/^200 /);
  });

  it('asks for a body only when it would be taken', async () => {
    const door = await openHttpDoor({ maxMessageBytes: 1000 });
    expect(await rawExchange(door.port, postHead(5000, 'Expect: 100-continue', 'Connection: close'))).toMatch(/^HTTP\/1\.1 413 /);
    const connection = await rawConnection(door.port);
    connection.socket.write(postHead(2, 'Expect: 100-continue', 'Connection: close'));
    await expect.poll(() => connection.received()).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    connection.socket.write('{}');
    await connection.closed;
    expect(connection.received()).toMatch(/HTTP\/1\.1 200 OK/);
    const other = await rawExchange(door.port, postHead(2, 'Expect: miracles', 'Connection: close'));
    expect(other).toMatch(/^HTTP\/1\.1 417 /);
    fits('Problem', rawBody(other));
  });

  it('answers pipelined requests in their order, also when what follows them cannot be read', async () => {
    const door = await openHttpDoor();
    let open: () => void = () => undefined;
    door.log.gate = new Promise((resolve) => (open = resolve));
    const connection = await rawConnection(door.port);
    connection.socket.write(
      `${postHead(7, 'Idempotency-Key: one')}{"n":1}${postHead(7, 'Idempotency-Key: two')}{"n":2}\0garbage\r\n\r\n`,
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    // Nothing is said before the first is durable.
    expect(connection.received()).toBe('');
    door.log.gate = undefined;
    open();
    await connection.closed;
    expect(
      [...connection.received().matchAll(/HTTP\/1\.1 (\d+)|"event_id":"(\w+)"/g)].map(([, status, id]) => status ?? id),
    ).toEqual(['200', 'one', '200', 'two']);
    expect(payloads(door)).toEqual(['{"n":1}', '{"n":2}']);
  });

  it('answers what is no HTTP, has too large a header, or does not come in time, with a problem', async () => {
    const door = await openHttpDoor({ connectionLimits: { ...LIMITS, requestTimeMs: 300 } });
    for (const [text, status] of [
      ['\u0016\u0003\u0001 no HTTP\r\n\r\n', 400],
      [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
      ['GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ', 408],
      [`${postHead(100)}{"half":`, 408],
    ] as const) {
      const answer = await rawExchange(door.port, text);
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*application/problem\\+json`));
      fits('Problem', rawBody(answer));
    }
    expect(door.log.appended).toEqual([]);
  });

  it('finishes and answers what it took when it drains, and takes nothing more', async () => {
    const door = await openHttpDoor();
    let open: () => void = () => undefined;
    door.log.gate = new Promise((resolve) => (open = resolve));
    const idle = await rawConnection(door.port);
    const underWay = post(door, '{"last":1}');
    await expect.poll(() => door.log.arrived).toBe(1);
    const stopped = door.stop();
    await idle.closed;
    await expect(fetch(`${door.url}/healthz`)).rejects.toThrow();
    door.log.gate = undefined;
    open();
    expect((await underWay).status).toBe(200);
    expect(await stopped).toEqual({ accepted: 1, refused: 0 });
    expect(payloads(door)).toEqual(['{"last":1}']);
  });

  it('answers every hostile body with receipts or a problem', async () => {
    const door = await openHttpDoor({ maxMessageBytes: 2000 });
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.json().map((text) => Buffer.from(text)),
      fc.json().map((text) => Buffer.from(text.slice(0, -1))),
      fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => gzipSync(bytes)),
      fc.constant(Buffer.alloc(3000, 0x5b)),
    );
    const headers = fc.record({
      'content-type': fc.constantFrom(
        'application/json',
        'application/x-ndjson',
        'application/json;charset=utf-8',
        'text/plain',
        ';;',
        'application/json; charset=',
      ),
      'content-encoding': fc.constantFrom('identity', 'gzip', 'x'),
    });
    await fc.assert(
      fc.asyncProperty(body, headers, async (bytes, given) => {
        const answer = await post(door, bytes, given);
        if (answer.status === 200) fits('Receipts', answer.body);
        else isProblem(answer, answer.status);
        expect([200, 400, 413, 415]).toContain(answer.status);
      }),
      { numRuns: 150 },
    );
    expect((await post(door, '{}')).status).toBe(200);
  });
});

describe('the description of the HTTP door', () => {
  it('is what the door serves, and OpenAPI 3.1 as far as its structure goes', async () => {
    const door = await openHttpDoor();
    interface Description {
      readonly openapi: string;
      readonly components: { readonly schemas: Readonly<Record<string, object>> };
      readonly paths: Readonly<Record<string, { readonly post?: { readonly responses: Readonly<Record<string, unknown>> } }>>;
    }
    const served = (await (await fetch(`${door.url}/openapi.json`)).json()) as Description;
    expect(served).toEqual(JSON.parse(JSON.stringify(openApi(false))));
    expect(served.openapi).toBe('3.1.0');
    const { schemas } = served.components;
    for (const schema of Object.values(schemas)) expect(ajv.validateSchema(schema)).toBe(true);
    for (const [, reference] of JSON.stringify(served).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
      expect(Object.keys(schemas)).toContain(reference);
    }
    const statuses = Object.keys(served.paths['/v1/events/{dataset}']?.post?.responses ?? {}).map(Number);
    // Each of these is produced by a test above.
    expect(statuses).toEqual([200, 207, 400, 401, 404, 405, 408, 413, 415, 417, 422, 429, 431, 503]);
  });

  it('demands proof where the server does', async () => {
    const door = await openHttpDoor({ admit: () => ({ kind: 'refused', reason: 'nobody is let in' }) });
    const { security } = (await (await fetch(`${door.url}/openapi.json`)).json()) as { readonly security: unknown };
    expect(security).toEqual([{ bearer: [] }, { certificate: [] }]);
  });
});

describe('the id of an event over HTTP', () => {
  it('may stand in the query, in the header ks-event-id, or in both when they agree', async () => {
    const door = await openHttpDoor();
    const send = async (query: string, header: string) =>
      (await post(door, '{}', { ...JSON_TYPE, 'ks-event-id': header }, `/v1/events/orders${query}`)).status;
    expect(await send('', 'in-the-header')).toBe(200);
    expect(await send('?ks-event-id=same', 'same')).toBe(200);
    expect(await send('?ks-event-id=one', 'two')).toBe(422);
    expect(door.log.appended.map((record) => headerOf(record, 'ks-event-id'))).toEqual(['in-the-header', 'same']);
  });

  it('does not come by HTTP/2, as gRPC clients speak it: they are told the port', async () => {
    const door = await openHttpDoor();
    expect(await rawExchange(door.port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toMatch(
      /400 [\s\S]*gRPC is spoken on the other port/,
    );
  });
});
