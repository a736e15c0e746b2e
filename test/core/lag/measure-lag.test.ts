import { describe, expect, it } from 'vitest';
import { measureLag } from '../../../src/core/lag/measure-lag.js';
import { lakehouseAt, offsetsAt, recordFor, TOPIC } from '../../support/lakehouse-at-offsets.js';

describe('measureLag', () => {
  it('counts events that bronze does not hold, and the age of the oldest of them', async () => {
    const lakehouse = await lakehouseAt({ 'bronze.events': offsetsAt(1, 2) });
    const log = await lakehouse.log();
    await log.ensureTopic(TOPIC, 2);
    await log.append(TOPIC, [recordFor(0), recordFor(1), recordFor(1)]);
    lakehouse.advance(10_000);
    await log.append(TOPIC, [recordFor(0), recordFor(0)]);
    lakehouse.advance(4_500);
    await log.commitOffsets(lakehouse.config.consume.group, TOPIC, new Map([[0, 1]]));
    const lag = await measureLag(lakehouse);
    expect(lag.partitions).toEqual([
      {
        partition: 0,
        startOffset: 0,
        endOffset: 3,
        committedOffset: 1,
        lakeOffset: 1,
        lagEvents: 2,
        lagSeconds: 4.5,
        condition: 'ok',
      },
      {
        partition: 1,
        startOffset: 0,
        endOffset: 2,
        committedOffset: null,
        lakeOffset: 2,
        lagEvents: 0,
        lagSeconds: 0,
        condition: 'ok',
      },
    ]);
    expect(lag.total).toEqual({ endOffset: 5, lakeOffset: 3, lagEvents: 2, lagSeconds: 4.5 });
  });

  it('counts everything as lag while there is no lake', async () => {
    const lakehouse = await lakehouseAt({});
    const log = await lakehouse.log();
    await log.ensureTopic(TOPIC, 2);
    await log.append(TOPIC, [recordFor(0), recordFor(1), recordFor(1)]);
    lakehouse.advance(2_000);
    expect((await measureLag(lakehouse)).total).toEqual({ endOffset: 3, lakeOffset: 0, lagEvents: 3, lagSeconds: 2 });
  });

  it('says that a topic was recreated when it ends below the lake, and never gives a negative lag', async () => {
    const lakehouse = await lakehouseAt({ 'bronze.events': offsetsAt(9, 0) });
    await (await lakehouse.log()).ensureTopic(TOPIC, 2);
    const { partitions } = await measureLag(lakehouse);
    expect(partitions.map((p) => [p.condition, p.lagEvents])).toEqual([
      ['recreated', 0],
      ['ok', 0],
    ]);
  });

  it('refuses a topic that does not exist', async () => {
    const lakehouse = await lakehouseAt({});
    await expect(measureLag(lakehouse, { topic: 'nowhere' })).rejects.toMatchObject({
      code: 'KS_NOT_FOUND',
      hint: expect.any(String),
    });
  });
});
