import { status } from '@grpc/grpc-js';
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ConnectionLimits } from '../../../src/core/ingest/grpc/connection-front.js';
import { callBytes, openDoor, openStream, sendOne, wireEvent } from '../../support/ingest-door.js';

const LIMITS: ConnectionLimits = {
  connections: 1000,
  idleMs: 60_000,
  requestTimeMs: 300,
  arrivingBytesPerAddress: 10_000_000,
  arrivingBytes: 10_000_000,
};
const doorWith = (limits: Partial<ConnectionLimits>) => openDoor({ connectionLimits: { ...LIMITS, ...limits } });

interface RawSocket {
  readonly socket: Socket;
  /** Milliseconds until the server closed it. */
  readonly closed: Promise<number>;
  isOpen(): boolean;
}

function rawSocket(port: number, first: string | Buffer = ''): RawSocket {
  const startMs = Date.now();
  let isOpen = true;
  const socket = connectTcp(port, '127.0.0.1', () => socket.write(first));
  socket.on('error', () => undefined);
  const closed = new Promise<number>((resolve) =>
    socket.once('close', () => {
      isOpen = false;
      resolve(Date.now() - startMs);
    }),
  );
  socket.resume();
  onTestFinished(() => void socket.destroy());
  return { socket, closed, isOpen: () => isOpen };
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** An empty SETTINGS frame. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const GREETING = Buffer.concat([Buffer.from(PREFACE), SETTINGS]);

function http2Client(port: number): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

/** Opens a call and sends these bytes of its request, which never ends. */
function openCall(session: ClientHttp2Session, method: string, bytes: Buffer) {
  const stream: ClientHttp2Stream = session.request({
    ':method': 'POST',
    ':path': `/keystone.ingestion.v1.Ingestion/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  if (bytes.length > 0) stream.write(bytes);
  const ended = new Promise<number | null>((resolve) => {
    let code: number | null = null;
    stream.once('response', (headers) => {
      code = headers['grpc-status'] === undefined ? null : Number(headers['grpc-status']);
    });
    stream.once('close', () => resolve(code));
  });
  return { stream, ended };
}

const framed = (length: number, sent: number): Buffer => {
  const bytes = Buffer.alloc(5 + sent);
  bytes.writeUInt32BE(length, 1);
  return bytes;
};

describe('slow clients', () => {
  it('are cut when they do not greet in time, silent or dribbling', async () => {
    const { server, connect } = await doorWith({});
    const silent = rawSocket(server.port);
    const dribbling = rawSocket(server.port, PREFACE.slice(0, 5));
    const dribble = setInterval(() => dribbling.socket.write(' '), 50);
    onTestFinished(() => clearInterval(dribble));
    const half = rawSocket(server.port, PREFACE);
    for (const { closed } of [silent, half]) expect(await closed).toBeGreaterThan(200);
    await dribbling.closed;
    expect(await sendOne(connect())).toBeInstanceOf(Buffer);
  });

  it('are answered DEADLINE_EXCEEDED when a request does not arrive whole, and others on their connection are not', async () => {
    const { server } = await doorWith({});
    const session = http2Client(server.port);
    const none = openCall(session, 'SendEvent', Buffer.alloc(0));
    const part = openCall(session, 'SendEvent', framed(100, 50));
    const unended = openCall(session, 'SendEvent', framed(0, 0));
    for (const { ended } of [none, part, unended]) expect(await ended).toBe(status.DEADLINE_EXCEEDED);
    expect(session.destroyed).toBe(false);
    const whole = openCall(session, 'SendEvent', framed(0, 0));
    whole.stream.end();
    whole.stream.resume();
    await whole.ended;
    expect(server.totals()).toEqual({ accepted: 1, refused: 0 });
  });

  it('may wait between the batches of a stream, and not within one', async () => {
    const { server, connect } = await doorWith({});
    const patient = openStream(connect());
    patient.send([wireEvent()]);
    const within = openCall(http2Client(server.port), 'StreamEvents', framed(100, 50));
    expect(await within.ended).toBe(status.DEADLINE_EXCEEDED);
    await new Promise((resolve) => setTimeout(resolve, 600));
    patient.send([wireEvent()]);
    patient.end();
    expect(await patient.ended).toMatchObject({ code: status.OK });
    expect(patient.answers).toHaveLength(2);
  });

  it('hold no more bytes of unfinished requests than there is room for', async () => {
    const { server, connect } = await doorWith({ requestTimeMs: 60_000, arrivingBytesPerAddress: 500_000 });
    const calls = Array.from({ length: 10 }, () => openCall(http2Client(server.port), 'SendEvent', framed(900_000, 100_000)));
    const first = await Promise.race(calls.map(({ ended }) => ended));
    expect(first).toBe(status.RESOURCE_EXHAUSTED);
    for (const { stream } of calls) stream.close();
    await expect.poll(() => sendOne(connect())).toBeInstanceOf(Buffer);
  });
});

describe('connections', () => {
  it('that went away without a word are found by a ping', async () => {
    const { server } = await doorWith({});
    // It greets and then is as good as unplugged: nothing is acknowledged any more.
    const { closed } = rawSocket(server.port, GREETING);
    const afterMs = await closed;
    expect(afterMs).toBeGreaterThanOrEqual(500);
    expect(afterMs).toBeLessThan(5000);
  });

  it('without a call are closed after the idle time, those with one stay', async () => {
    const { server, connect } = await doorWith({ idleMs: 300 });
    const session = http2Client(server.port);
    const busy = openStream(connect());
    busy.send([wireEvent()]);
    await new Promise((resolve) => session.once('close', resolve));
    busy.send([wireEvent()]);
    busy.end();
    expect(await busy.ended).toMatchObject({ code: status.OK });
  });

  it('beyond the limit push out the one that has shown least, and never one at work', async () => {
    const { server, connect } = await doorWith({ connections: 10, requestTimeMs: 60_000 });
    const working = connect();
    const busy = openStream(working);
    busy.send([wireEvent()]);
    await expect.poll(() => busy.answers.length).toBe(1);
    const flood: RawSocket[] = [];
    for (let n = 0; n < 50; n++) flood.push(rawSocket(server.port, GREETING));
    await expect.poll(() => flood.filter(({ isOpen }) => isOpen()).length).toBe(9);
    expect(server.connections()).toBe(10);
    const other = connect();
    expect(await sendOne(other)).toBeInstanceOf(Buffer);
    busy.send([wireEvent()]);
    busy.end();
    expect(await busy.ended).toMatchObject({ code: status.OK });
  });

  it('take a message over the limit for what it is, and go on', async () => {
    const { connect } = await doorWith({});
    const client = connect();
    const large = await callBytes(client, '/keystone.ingestion.v1.Ingestion/SendEvent', Buffer.alloc(5_000_000));
    expect(large).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(await sendOne(client)).toBeInstanceOf(Buffer);
  });
});
