import { describe, expect, it } from 'vitest';
import { sendEvents } from '../../../src/core/ingest/send-events.js';

describe('sending events', () => {
  it('counts datasets of any name', async () => {
    const event = {
      payload: Buffer.from('{}'),
      dataset: 'toString',
      eventId: '1',
      source: '',
      headers: [],
      valueOf: () => undefined,
    };
    const counts = await sendEvents({
      events: (async function* () {
        yield [event, event];
      })(),
      sink: null,
      progress: () => undefined,
      signal: new AbortController().signal,
      name: 'x',
    });
    expect(counts).toEqual({ events: 2, bytes: 4, datasets: { toString: 2 } });
  });
});
