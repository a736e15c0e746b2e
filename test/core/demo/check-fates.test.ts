import { expect, it } from 'vitest';
import { checkFates, type SentFault } from '../../../src/core/demo/check-fates.js';
import { encodeRow, type Fate } from '../../../src/core/demo/demo-event.js';
import { openDemoProject } from '../../../src/core/demo/demo-project.js';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import { openLogSink } from '../../../src/core/ingest/log-sink.js';
import type { EventResult } from '../../../src/core/ingest/grpc/ingestion-v1-codec.js';
import { systemEffects } from '../../support/effects.js';
import { tempDir } from '../../support/temp-dir.js';

const ITEM = {
  order_id: 'a'.repeat(32),
  order_item_id: 1,
  product_id: 'b'.repeat(32),
  seller_id: 'c'.repeat(32),
  shipping_limit_date: '2017-11-30 10:00:00',
  price: 10,
  freight_value: 1,
};

it('names each event that did not end where it belongs', async () => {
  const lakehouse = await openDemoProject(await tempDir(), systemEffects());
  try {
    const { config, effects } = lakehouse;
    const rows = [
      { id: 'good', row: ITEM },
      { id: 'free', row: { ...ITEM, order_item_id: 2, price: 0 } },
      { id: 'good', row: ITEM },
    ];
    const results: EventResult[] = [];
    const sink = await openLogSink({
      log: await lakehouse.log(),
      topic: config.profile.log.topic,
      partitions: 2,
      contracts: await lakehouse.contracts(),
      keyMode: 'business',
      clock: effects.clock,
      onResults: (batch) => results.push(...batch),
    });
    const events = rows.map(({ id, row }) => ({
      payload: encodeRow(row),
      dataset: 'order_items',
      eventId: id,
      source: 'test',
      headers: [],
    }));
    await sink.send(events.map((event) => ({ ...event, valueOf: (column) => (ITEM as Record<string, unknown>)[column] })));
    await sink.flush();
    sink.close();
    await runConsumer(lakehouse, { untilCaughtUp: true, signal: new AbortController().signal });

    const sent = (fault: string, index: number, fate: Fate): SentFault => {
      const [event, result] = [events[index], results[index]];
      if (!event || result?.kind !== 'receipt') throw new Error('not sent');
      return { event: { ...event, wave: 1, fault, fate }, position: result.receipt };
    };
    const engine = await lakehouse.engine();
    const check = async (faults: readonly SentFault[]) =>
      (await checkFates(engine, faults, new AbortController().signal)).flatMap(({ misplaced }) => misplaced);

    const right = [
      sent('price_zero', 1, { kind: 'quarantined', reason: 'rule:price_positive' }),
      sent('resent', 0, { kind: 'silver' }),
      sent('resent', 2, { kind: 'duplicate' }),
    ];
    expect(await check(right)).toEqual([]);
    const wrong = [
      sent('price_zero', 1, { kind: 'silver' }),
      sent('price_text', 1, { kind: 'quarantined', reason: 'bad_type:price' }),
      sent('malformed_json', 0, { kind: 'error', class: 'invalid_json' }),
      sent('resent', 2, { kind: 'superseded' }),
    ];
    expect((await check(wrong)).map(({ event, expected, found }) => `${event}: ${expected} / ${found}`).toSorted()).toEqual([
      'free: quarantine bad_type:price / quarantine rule:price_positive, disposition quarantined',
      'free: silver / quarantine rule:price_positive, disposition quarantined',
      'good: error invalid_json / silver',
      'good: superseded / disposition duplicate',
    ]);
    const gone: SentFault = { ...right[0]!, position: { partition: 0, offset: 999 } };
    expect((await check([gone])).map(({ found }) => found)).toEqual(['in no table above bronze']);
  } finally {
    await lakehouse.close();
  }
});
