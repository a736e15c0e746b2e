/**
 * gRPC load from a process of its own, for servers and brokers that are killed under it: several sides, each with one request after the other,
 * every event under an id that is sent once. Each answer is a line of the file at once: `log|spooled ID SENT_MS ANSWERED_MS`, or
 * `refused CODE SENT_MS ANSWERED_MS`. Ends when its standard input does, or when so many events are acknowledged.
 *
 *   node recording-client.mjs ADDRESS FILE SIDES PAUSE_MS [EVENTS_PER_REQUEST [EVENTS]]
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { ingestionV1Methods } from '../../dist/core/ingest/grpc/ingest-services.js';

const [address, file, sides, pauseMs, batch = '1', most = 'Infinity'] = process.argv.slice(2);
const { path, requestSerialize, responseDeserialize } = ingestionV1Methods.SendEventBatch;
const FILLER = 'x'.repeat(200);
let isStopped = false;
let acknowledged = 0;
process.stdin.on('end', () => (isStopped = true)).resume();

const side = async (name) => {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_reconnect_backoff_ms': 500,
    'grpc.initial_reconnect_backoff_ms': 100,
  });
  const send = (events) =>
    new Promise((resolve) => {
      const deadline = Date.now() + 60_000;
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, events, { deadline }, (error, answer) =>
        resolve(error ? events.map(() => `refused ${error.code}`) : answer.message.map(told)),
      );
    });
  for (let n = 0; !isStopped && acknowledged < Number(most); n++) {
    const events = Array.from({ length: Number(batch) }, (_, i) => ({
      eventId: `${process.pid}-${name}-${n}-${i}`,
      payload: Buffer.from(JSON.stringify({ order_id: `${name}`, n, i, filler: FILLER })),
      dataset: 'orders',
      key: Buffer.from(`${name}`),
      source: 'load',
      headers: [],
    }));
    const sentMs = Date.now();
    const lines = await send(events);
    const answeredMs = Date.now();
    acknowledged += lines.filter((line) => !line.startsWith('refused')).length;
    appendFileSync(file, lines.map((line) => `${line} ${sentMs} ${answeredMs}\n`).join(''));
    await delay(Number(pauseMs));
  }
  client.close();
};

const told = (result) =>
  result.kind === 'receipt' ? `${result.receipt.durability} ${result.receipt.eventId}` : `refused ${result.refusal.code}`;

await Promise.all(Array.from({ length: Number(sides) }, (_, n) => side(n)));
process.exit(0);
