import net, { type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, describe, it, onTestFinished } from 'vitest';
import { LIMITS, openHttpDoor, post, postHead, rawConnection, rawExchange } from '../../../support/http-door.js';

/** As many as a machine with 4,096 file descriptors gives: both ends are in this process. */
const SLOW = 1500;

const dial = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
  });

describe('slow clients of the HTTP door', () => {
  it('that dribble headers or bodies push out each other, not who works, and cost no memory to speak of', async () => {
    const door = await openHttpDoor({ connectionLimits: { ...LIMITS, connections: 200, requestTimeMs: 60_000 } });
    const keptAlive = await rawConnection(door.port);
    keptAlive.socket.write(`${postHead(2, 'Idempotency-Key: first')}{}`);
    await expect.poll(() => keptAlive.received()).toContain('"event_id":"first"');
    const before = process.memoryUsage().rss;
    for (let from = 0; from < SLOW; from += 100) {
      const sockets = await Promise.all(Array.from({ length: 100 }, () => dial(door.port)));
      for (const [index, socket] of sockets.entries()) {
        if (index % 3 === 0) socket.write('POST /v1/ev');
        if (index % 3 === 1) socket.write(`${postHead(1_000_000)}{"slow":"`);
      }
      // New and old clients are served in the middle of it.
      expect((await post(door, `{"n":${from}}`)).status).toBe(200);
    }
    expect(door.server.connections()).toBeLessThanOrEqual(200);
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
    keptAlive.socket.write(`${postHead(2, 'Idempotency-Key: last')}{}`);
    await expect.poll(() => keptAlive.received()).toContain('"event_id":"last"');
    expect(door.log.appended.length).toBe(SLOW / 100 + 2);
  });

  it('are let go after the request time: silent, in the header, in the body, and between two bytes', async () => {
    const door = await openHttpDoor({ connectionLimits: { ...LIMITS, requestTimeMs: 400 } });
    const started = performance.now();
    const dribbling = await rawConnection(door.port);
    const dribble = setInterval(() => dribbling.socket.write('x'), 50);
    onTestFinished(() => clearInterval(dribble));
    dribbling.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    const answers = await Promise.all([
      rawExchange(door.port, ''),
      rawExchange(door.port, 'POST'),
      rawExchange(door.port, `${postHead(10)}{`),
      dribbling.closed.then(() => dribbling.received()),
    ]);
    expect(performance.now() - started).toBeLessThan(5000);
    expect(answers.slice(1).every((answer) => answer.startsWith('HTTP/1.1 408'))).toBe(true);
    await expect.poll(() => door.server.connections()).toBe(0);
    expect(door.log.appended).toEqual([]);
  });

  it('hold no more bytes of unfinished bodies than there may be, and of one address less', async () => {
    const door = await openHttpDoor({
      maxMessageBytes: 1_000_000,
      connectionLimits: { ...LIMITS, arrivingBytes: 300_000, arrivingBytesPerAddress: 100_000 },
    });
    const half = await rawConnection(door.port);
    half.socket.write(`${postHead(90_000)}${' '.repeat(80_000)}`);
    const more = async (): Promise<readonly unknown[]> => {
      const { status, body } = await post(door, `[${' '.repeat(50_000)}]`);
      return [status, body['code']];
    };
    await expect.poll(more).toEqual([429, 'KS_LIMIT']);
    // What was held is given back with its connection.
    half.socket.destroy();
    await expect.poll(async () => (await post(door, `[${' '.repeat(50_000)}]`)).status).toBe(200);
  });

  it('that keep a connection without a request are closed after the idle time', async () => {
    const door = await openHttpDoor({ connectionLimits: { ...LIMITS, idleMs: 300 } });
    const connection = await rawConnection(door.port);
    connection.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await connection.closed;
    expect(connection.received()).toMatch(/^HTTP\/1\.1 200 OK/);
    await expect.poll(() => door.server.connections()).toBe(0);
  });

  it('that go away in the middle of a body leave nothing behind', async () => {
    const door = await openHttpDoor();
    for (let n = 0; n < 50; n++) {
      const connection = await rawConnection(door.port);
      connection.socket.write(`${postHead(1000)}{"half":`);
      await delay(2);
      connection.socket.resetAndDestroy();
    }
    await expect.poll(() => door.server.connections()).toBe(0);
    expect((await post(door, '{}')).status).toBe(200);
    expect(door.log.appended.length).toBe(1);
  });
});
