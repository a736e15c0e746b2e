/**
 * gRPC load from a process of its own, for servers and brokers that are killed under it: several sides, each with one event after the other,
 * every event under an id that is sent once. Each answer is a line of the file at once: `log ID`, `spooled ID` or `refused CODE`.
 *
 *   node recording-client.mjs ADDRESS FILE SIDES PAUSE_MS
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { ingestionV1Methods } from '../../dist/core/ingest/grpc/ingest-services.js';

const [address, file, sides, pauseMs] = process.argv.slice(2);
const { path, requestSerialize, responseDeserialize } = ingestionV1Methods.SendEvent;
let isStopped = false;
process.stdin.on('end', () => (isStopped = true)).resume();

const side = async (name) => {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_reconnect_backoff_ms': 500,
    'grpc.initial_reconnect_backoff_ms': 100,
  });
  for (let n = 0; !isStopped; n++) {
    const eventId = `${process.pid}-${name}-${n}`;
    const payload = Buffer.from(JSON.stringify({ order_id: `${name}`, n, filler: 'x'.repeat(200) }));
    const event = { eventId, payload, dataset: 'orders', key: Buffer.from(`${name}`), source: 'load', headers: [] };
    const sentMs = Date.now();
    const line = await new Promise((resolve) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        event,
        { deadline: Date.now() + 30_000 },
        (error, answer) => {
          if (error) resolve(`refused ${error.code} ${sentMs} ${Date.now()}`);
          else resolve(`${answer.message.durability} ${eventId} ${sentMs} ${Date.now()}`);
        },
      );
    });
    appendFileSync(file, `${line}\n`);
    await delay(Number(pauseMs));
  }
  client.close();
};

await Promise.all(Array.from({ length: Number(sides) }, (_, n) => side(n)));
