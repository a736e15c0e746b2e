import path from 'node:path';
import { expect, it } from 'vitest';
import { loadContracts } from '../../../src/core/contract/load-contracts.js';
import { openDemoSender } from '../../../src/core/demo/demo-sender.js';
import { generateEvents, MIN_DEMO_EVENTS } from '../../../src/core/demo/generate-events.js';
import { startIngestServer } from '../../../src/core/ingest/ingest-server.js';
import { openEmbeddedLog } from '../../../src/core/log/embedded-log.js';
import { systemEffects } from '../../support/effects.js';
import { tempDir } from '../../support/temp-dir.js';

const TOPIC = 'demo';
const rules = { pricePositive: 'price_positive', deliveryAfterPurchase: 'delivery_not_before_purchase' };

it('logs every event byte for byte at the position of its receipt', async () => {
  const { clock, randomBytes } = systemEffects();
  const stop = new AbortController();
  const log = await openEmbeddedLog({ path: path.join(await tempDir(), 'log.db'), clock });
  const server = await startIngestServer({
    log,
    topic: TOPIC,
    partitions: 3,
    contracts: await loadContracts('templates/contracts'),
    host: '127.0.0.1',
    port: 0,
    defaultDataset: 'orders',
    keyMode: 'business',
    lingerMs: 0,
    maxMessageBytes: 4_194_304,
    maxInFlightBytes: 67_108_864,
    clock,
    randomBytes,
    signal: stop.signal,
  });
  try {
    const sender = await openDemoSender(`127.0.0.1:${server.port}`, clock, stop.signal);
    const events = [...generateEvents({ events: MIN_DEMO_EVENTS, seed: 1, rules })];
    for (const event of events) await sender.send(event);
    await sender.flush();
    sender.close();

    const records = new Map<string, { readonly payload: string; readonly id: string }>();
    for (const { partition } of await log.bounds(TOPIC)) {
      for (const record of (await log.read(TOPIC, partition, 0, { maxRecords: 10_000, maxBytes: 1e9 })).records) {
        const id = record.headers.find(({ key }) => key === 'ks-event-id')?.value ?? new Uint8Array(0);
        records.set(`${partition}/${record.offset}`, {
          payload: Buffer.from(record.value ?? []).toString('base64'),
          id: Buffer.from(id).toString(),
        });
      }
    }
    expect(records.size).toBe(MIN_DEMO_EVENTS);
    expect(sender.counts()).toEqual({ sent: MIN_DEMO_EVENTS, founding: events.filter((event) => event.eventId === null).length });
    expect(sender.faults).toHaveLength(events.filter((event) => event.fault !== null).length);
    const offsets = new Map<string, number>();
    for (const { event, position } of sender.faults) {
      if (!position) continue;
      const payload = Buffer.from(event.payload).toString('base64');
      expect(records.get(`${position.partition}/${position.offset}`)).toEqual({ payload, id: event.eventId });
      // What repeats an id lies behind it.
      const id = String(event.eventId);
      expect(position.offset).toBeGreaterThan(offsets.get(id) ?? -1);
      offsets.set(id, position.offset);
    }
  } finally {
    stop.abort();
    await server.closed;
    await log.close();
  }
});
