/** Against a socket that takes its time to say which requests it knows, as a broker does that has just come back. */
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { profileConfig } from '../../../../src/core/config/config.js';
import { kafkaAccess } from '../../../../src/core/log/kafka/access.js';
import { connectBrokers } from '../../../../src/core/log/kafka/brokers.js';
import { systemEffects } from '../../../support/effects.js';

/** ApiVersions v2: no error, FindCoordinator 0-1 and ApiVersions 0-2, not throttled. */
function versionsAnswer(request: Buffer): Buffer {
  const keys = [
    [10, 0, 1],
    [18, 0, 2],
  ];
  const body = Buffer.alloc(4 + 4 + 2 + 4 + keys.length * 6 + 4);
  body.writeInt32BE(body.length - 4, 0);
  request.copy(body, 4, 8, 12);
  body.writeInt32BE(keys.length, 10);
  keys.flat().forEach((word, n) => body.writeInt16BE(word, 14 + 2 * n));
  return body;
}

it('a broker is asked by nobody before it has said what it knows, also when another call is connecting to it', async () => {
  const sockets: Socket[] = [];
  let asked: (request: Buffer) => void = () => undefined;
  const request = new Promise<Buffer>((resolve) => (asked = resolve));
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.once('data', (bytes: Buffer) => asked(bytes));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { clock } = systemEffects();
  const { kafka } = profileConfig.parse({
    log: { kafka: { brokers: `127.0.0.1:${(server.address() as AddressInfo).port}` } },
  }).log;
  const access = await kafkaAccess(kafka, { env: {}, projectDir: '/' }, clock);
  const brokers = connectBrokers({ access, clock, random: () => 0.5, firstPatienceMs: 1000, patienceMs: 1000 });
  onTestFinished(async () => {
    await brokers.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const first = brokers.any();
  const bytes = await request;
  // The socket is open now; what the broker knows is not known yet.
  const second = brokers.any().then((broker) => broker.versions);
  sockets[0]!.write(versionsAnswer(bytes));
  expect(await second).toMatchObject({ 10: { maxVersion: 1 } });
  expect(await first).toBe(await brokers.any());
  expect(sockets).toHaveLength(1);
});
