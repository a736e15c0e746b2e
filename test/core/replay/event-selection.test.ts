import { describe, expect, it } from 'vitest';
import { openSelection } from '../../../src/core/replay/event-selection.js';
import type { ReplayEvent } from '../../../src/core/replay/replay-event.js';
import { testLake } from '../../support/test-lake.js';
import { recorded } from './replay-events.js';

const open = { fromUs: undefined, toUs: undefined };
const payload = (text: string | Uint8Array | null): Partial<ReplayEvent> => ({
  payload: typeof text === 'string' ? Buffer.from(text) : text,
});
const events = [
  recorded(0, 1_000, payload('{"s":"a","n":1}')),
  recorded(1, 2_000, payload('{"s":"b","n":"2"}')),
  recorded(2, 3_000, payload('{"broken')),
  recorded(3, 4_000, payload(Uint8Array.of(0xff, 0))),
  recorded(4, 5_000, payload(null)),
  recorded(5, 6_000, { ...payload('[1]'), key: Uint8Array.of(0xff), source: null, dataset: 'a\0b' }),
];

describe('the selection of events', () => {
  it('asks a condition of every event, whatever its bytes', async () => {
    const { lake } = await testLake();
    const chosen = async (where: string): Promise<readonly number[]> => {
      const selection = await openSelection(lake, { range: open, dataset: undefined, where });
      const selected = await selection.selects(events);
      expect(await selection.selects([])).toEqual([]);
      await selection.close();
      return events.flatMap(({ position }, index) => (selected[index] === true ? [position] : []));
    };
    expect(await chosen("payload->>'s' = 'a' OR (payload->>'n')::INT = 2")).toEqual([0, 1]);
    expect(await chosen('payload IS NULL -- neither text nor JSON')).toEqual([2, 3, 4]);
    expect(await chosen('key IS NULL AND source IS NULL')).toEqual([5]);
    expect(await chosen("event_id = 'e3' OR dataset = 'a' || chr(0) || 'b'")).toEqual([3, 5]);
    expect(await chosen("log_time >= TIMESTAMP '1970-01-01 00:00:05' AND kafka_offset < 5")).toEqual([4]);
    expect(await chosen('NULL::BOOLEAN')).toEqual([]);
  });

  it('refuses what is no condition on one event, and says why', async () => {
    const { lake } = await testLake();
    for (const [where, why] of [
      ['', /is empty/],
      ['nope = 1', /"nope" not found/],
      ['true; DROP TABLE event_rows', /another statement|more than one/],
      ['true; SELECT 2', /more than one statement/],
      ['true FROM event_rows', /more than one expression/],
      ['true, false', /more than one expression/],
      ['true LIMIT 1', /more than one expression/],
      ['true UNION SELECT false', /more than one expression/],
      ['1 = 1) OR (1 = 1', /at character 6/],
      ["payload->>'s'", /is a VARCHAR/],
      ['kafka_offset > (SELECT 1)', /another query/],
      ["EXISTS (FROM read_text('/etc/passwd'))", /another query/],
      ['sum(kafka_offset) > 1', /aggregate/],
      ['row_number() OVER () > 1', /window/i],
    ] as const) {
      const opened = openSelection(lake, { range: open, dataset: undefined, where });
      await expect(opened, where).rejects.toMatchObject({
        code: 'KS_SQL',
        message: expect.stringMatching(why) as string,
        hint: expect.stringContaining('columns: dataset, event_id') as string,
      });
    }
  });

  it('names the value on which a condition fails', async () => {
    const { lake } = await testLake();
    const selection = await openSelection(lake, { range: open, dataset: undefined, where: "(payload->>'s')::INT = 1" });
    await expect(selection.selects(events)).rejects.toMatchObject({
      code: 'KS_SQL',
      message: expect.stringContaining("Could not convert string 'a' to INT32") as string,
      hint: expect.stringContaining('TRY_CAST') as string,
    });
    await selection.close();
  });
});
