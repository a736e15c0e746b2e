import { describe, expect, it } from 'vitest';
import { describeTrace } from '../../../src/core/trace/describe-trace.js';
import { silverLake } from '../../support/silver-lake.js';
import { replay } from '../replay/replay-project.js';
import { consume } from '../silver/consume-support.js';
import { order, send, trace } from './traced-lake.js';

describe('the trace of an event that was replayed as new', { timeout: 60_000 }, () => {
  it('names the event it came from, and says whose time and source it shows: waiting and landed', async () => {
    const lake = await silverLake({});
    await send(lake, [{ id: 'first', payload: order('A') }]);
    await consume(lake);
    await replay(lake, { sources: ['topic'], asNew: true });
    const look = async () => {
      const [original, again] = (await trace(lake, { key: 'A', dataset: 'orders' })).events;
      expect(original).toMatchObject({ eventId: 'first', replayOf: null, accepted: { of: 'itself' } });
      expect(again).toMatchObject({
        replayOf: 'first',
        accepted: { at: original?.accepted.at, source: original?.accepted.source, of: 'original' },
      });
      expect(describeTrace(await trace(lake, { key: 'A', dataset: 'orders' }))).toMatch(
        /replay +of first, under a new id; the time and the source above are the original's/,
      );
    };
    await look();
    await consume(lake);
    await look();
  });
});
