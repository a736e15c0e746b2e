import { credentials, Metadata } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Admit } from '../../../src/core/ingest/client.js';
import { refusalLog } from '../../../src/core/ingest/refusal-log.js';
import { openServerSink } from '../../../src/core/ingest/grpc/server-sink.js';
import { readServerAccess } from '../../../src/core/ingest/server-access.js';
import type { IngestServerOptions } from '../../../src/core/ingest/ingest-server.js';
import { ingestionV1Methods } from '../../../src/core/ingest/grpc/ingest-services.js';
import type { EventResult, WireEvent } from '../../../src/core/ingest/grpc/ingestion-v1-codec.js';
import { SILENT, type LogFields } from '../../../src/core/logging/logger.js';
import { systemEffects } from '../../support/effects.js';
import { openDoor, wireEvent, type Door } from '../../support/ingest-door.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

function heard() {
  const lines: LogFields[] = [];
  const logger = { ...SILENT, warn: (event: string, fields: LogFields = {}) => void lines.push({ event, ...fields }) };
  return { lines, logger };
}

async function told(options: Partial<IngestServerOptions> = {}): Promise<Door & { readonly lines: readonly LogFields[] }> {
  const { lines, logger } = heard();
  const tellRefusal = refusalLog(logger, { nowMs: () => 0 });
  return { ...(await openDoor({ httpPort: 0, tellRefusal, ...options })), lines };
}

const traced = (more: Readonly<Record<string, string>> = {}): Metadata => {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries({ traceparent: TRACEPARENT, ...more })) metadata.set(name, value);
  return metadata;
};

/** The batch's answer; rejects with the status of the call. */
const sendBatch = (door: Door, events: readonly WireEvent[], metadata: Metadata): Promise<readonly EventResult[]> =>
  new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = ingestionV1Methods.SendEventBatch;
    const client = door.connect(credentials.createInsecure());
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, events, metadata, (error, answer) => {
      if (error) reject(error);
      else if (answer?.kind === 'message') resolve(answer.message);
      else reject(new Error('malformed answer'));
    });
  });

const post = ({ server }: Door, body: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${server.httpPort}/v1/events/orders`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', traceparent: TRACEPARENT, connection: 'close', ...headers },
  });

describe('the log of refusals', () => {
  it('has one line per request, with the trace of the client, and none of what is accepted', async () => {
    const door = await told();
    const tooLong = 'x'.repeat(2000);
    await sendBatch(door, [wireEvent()], traced());
    expect((await post(door, '{"a":1}')).status).toBe(200);
    expect(door.lines).toEqual([]);
    await sendBatch(
      door,
      [wireEvent(), wireEvent({ dataset: tooLong, eventId: 'e-2' }), wireEvent({ dataset: tooLong })],
      traced(),
    );
    expect((await post(door, '{"secret-payload"')).status).toBe(400);
    expect((await post(door, 'a', { 'content-type': 'text/csv' })).status).toBe(415);
    expect(door.lines).toMatchObject([
      { event: 'ingest.refused', door: 'grpc', code: 'INVALID_ARGUMENT', events: 2, eventId: 'e-2', clientTraceId: TRACE },
      { event: 'ingest.refused', door: 'http', client: '127.0.0.1', code: '400', events: 0, clientTraceId: TRACE },
      { event: 'ingest.refused', door: 'http', code: '415', clientTraceId: TRACE },
    ]);
    expect(JSON.stringify(door.lines)).not.toContain('secret-payload');
  });

  it('tells who was not let in, without what they showed, and what the log did not take', async () => {
    const admit: Admit = ({ authorization }) =>
      authorization === 'Bearer right'
        ? { kind: 'admitted', client: { name: 'shop', producer: 'shop' } }
        : { kind: 'refused', reason: 'the bearer token is not valid' };
    const door = await told({ admit });
    await expect(sendBatch(door, [wireEvent()], traced({ authorization: 'Bearer wrong-token' }))).rejects.toMatchObject({
      code: 16,
    });
    expect((await post(door, '{}', { authorization: 'Bearer wrong-token' })).status).toBe(401);
    door.log.failWith = new Error('the broker is away');
    await sendBatch(door, [wireEvent()], traced({ authorization: 'Bearer right' }));
    expect((await post(door, '{}', { authorization: 'Bearer right', traceparent: 'broken' })).status).toBe(503);
    expect(door.lines).toMatchObject([
      { door: 'grpc', code: 'UNAUTHENTICATED', client: '127.0.0.1', clientTraceId: TRACE },
      { door: 'http', code: '401', client: '127.0.0.1', clientTraceId: TRACE },
      { door: 'grpc', code: 'UNAVAILABLE', client: 'shop', reason: 'not kept: the broker is away', clientTraceId: TRACE },
      { door: 'http', code: 'UNAVAILABLE', client: 'shop', clientTraceId: null },
    ]);
    expect(JSON.stringify(door.lines)).not.toContain('wrong-token');
  });

  it('goes on with the trace that a command was started in', async () => {
    const door = await told();
    const given = { tls: false, caFile: undefined, certificateFile: undefined, keyFile: undefined, token: undefined };
    const address = `127.0.0.1:${door.server.port}`;
    const effects = { env: { TRACEPARENT }, nowMs: 0, warn: () => undefined };
    const access = await readServerAccess(given, address, effects);
    const { clock } = systemEffects();
    const { signal } = new AbortController();
    const sink = await openServerSink({ address, access, clock, signal, onResults: () => undefined });
    onTestFinished(() => sink.close());
    await sink.send([{ ...wireEvent({ dataset: 'x'.repeat(2000) }), valueOf: () => undefined }]);
    await sink.flush();
    expect(door.lines).toMatchObject([{ door: 'grpc', code: 'INVALID_ARGUMENT', clientTraceId: TRACE }]);
  });

  it('is bounded: what is not told is counted in the next line', () => {
    const { lines, logger } = heard();
    let nowMs = 0;
    const tell = refusalLog(logger, { nowMs: () => nowMs });
    const refusal = {
      door: 'grpc',
      client: null,
      traceparent: undefined,
      code: 'INVALID_ARGUMENT',
      reason: 'no',
      events: 1,
    } as const;
    for (let n = 0; n < 1000; n++) tell(refusal);
    expect(lines).toHaveLength(20);
    nowMs = 10_000;
    tell(refusal);
    tell(refusal);
    expect(lines).toHaveLength(22);
    expect(lines.at(-2)).toMatchObject({ unsaid: 980 });
    expect(lines.at(-1)).not.toHaveProperty('unsaid');
  });
});
