import { describe, expect, it } from 'vitest';
import { runSend } from '../../../src/core/ingest/run-send.js';
import { sendEvents } from '../../../src/core/ingest/send-events.js';
import { testLake } from '../../support/test-lake.js';

describe('sending that is stopped', () => {
  it('says how many events were accepted until then', async () => {
    const { lake } = await testLake();
    const stop = new AbortController();
    const bytes = (async function* () {
      yield Buffer.from('{"n":1}\n{"n":2}\n');
      stop.abort();
      yield Buffer.from('{"n":3}\n');
    })();
    const sending = runSend(lake, {
      input: { kind: 'stream', bytes, name: 'stdin' },
      destination: { kind: 'log' },
      dataset: undefined,
      source: undefined,
      receiptsPath: undefined,
      dryRun: false,
      progress: () => undefined,
      signal: stop.signal,
    });
    const error: unknown = await sending.catch((thrown: unknown) => thrown);
    const { accepted } = (error as { readonly details: { readonly accepted: number } }).details;
    expect(error).toMatchObject({
      code: 'KS_INTERRUPTED',
      message: expect.stringContaining(`${accepted} events accepted, 0 refused until then`) as string,
    });
    const bounds = await (await lake.log()).bounds(lake.config.profile.log.topic);
    expect(bounds.reduce((sum, { endOffset }) => sum + endOffset, 0)).toBe(accepted);
  });
});

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
