/** Events that are accepted and not in the log yet, or in both, or that are looked for while the log is away. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { KeystoneError } from '../../../src/core/errors.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { describeTrace, nextCommand } from '../../../src/core/trace/describe-trace.js';
import { openSlot } from '../../../src/core/spool/spool-slot.js';
import { leaveInSpool, spooledRecord, SPOOLED_MS } from '../../support/left-spool.js';
import { namedLog } from '../../support/named-log.js';
import { testLake } from '../../support/test-lake.js';
import { consume } from '../silver/consume-support.js';
import { order, send, trace, traceOne } from './traced-lake.js';

const TOPIC = 'olist-enterprise-events';
const NAME = { producerId: '1', producerEpoch: 0, firstSequence: 0, notBefore: 0 };

const withLog = (lake: Lakehouse, log: () => Promise<unknown>): Lakehouse => ({ ...lake, log: log as Lakehouse['log'] });
const away = (lake: Lakehouse): Lakehouse =>
  withLog(lake, async () => {
    throw Object.assign(new KeystoneError('KS_LOG', 'no broker answers', { hint: 'keystone doctor' }), { retriable: true });
  });

describe('a trace of an event that is in the spool', { timeout: 60_000 }, () => {
  it('says since when, where, and what waits in front of it', async () => {
    const { lake, dir } = await testLake();
    await leaveInSpool(dir, TOPIC, [
      { ids: ['a', 'b'], partition: 1 },
      { ids: ['c'], partition: 2 },
      { ids: ['d', 'e'], partition: 1, atMs: SPOOLED_MS + 5000, key: 'K' },
    ]);
    const event = await traceOne(lake, 'e');
    expect(event).toMatchObject({
      topic: TOPIC,
      partition: 1,
      offset: null,
      eventId: 'e',
      dataset: 'orders',
      key: 'K',
      accepted: { at: '2017-07-14T02:39:59.999000Z', source: 'shop', of: 'itself' },
      log: { state: 'spooled', time: '2017-07-14T02:40:05.000Z', slot: 'slot-0', log: 'waits' },
      bronze: null,
      verdict: { kind: 'pending', waitsFor: 'log', eventsBefore: 3 },
    });
    const found = await trace(lake, 'e');
    expect(describeTrace(found)).toMatch(
      /2017-07-14T02:40:05\.000Z\s+spool\s+olist-enterprise-events\/1, slot-0 of this machine, not yet in the log\n.*pending: waits for the log, 3 events/,
    );
    expect(nextCommand(found)).toBe('keystone ingest spool status');
    const byKey = await trace(lake, { key: 'K', dataset: 'orders' });
    expect(byKey.events.map(({ eventId }) => eventId)).toEqual(['d', 'e']);
    await expect(trace(lake, 'f')).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    await expect(trace(lake, { event: 'e', dataset: 'payments' })).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
  });

  it('answers from lake and spool while the log is away, and says of the rest that it cannot be told', async () => {
    const { lake, dir } = await testLake();
    await send(lake, [{ id: 'landed', payload: order('A') }]);
    await consume(lake);
    await leaveInSpool(dir, TOPIC, [{ ids: ['waits'] }]);
    const waits = await trace(away(lake), 'waits');
    expect(waits.events).toMatchObject([{ eventId: 'waits', log: { state: 'spooled', log: 'waits' } }]);
    expect(waits.warnings).toEqual(['the log was not asked: no broker answers']);
    const landed = await trace(away(lake), 'landed');
    expect(landed.events).toMatchObject([{ log: { state: 'away' }, verdict: { kind: 'current' } }]);
    expect(describeTrace(landed)).toContain(`${TOPIC}/0/0, which does not answer now`);
    await expect(trace(away(lake), 'nobody')).rejects.toMatchObject({
      code: 'KS_LOG',
      message: 'no broker answers; neither the lake nor the spool of this machine has "nobody"',
      hint: 'keystone doctor',
    });
    await expect(trace(away(lake), `${TOPIC}/0/7`)).rejects.toMatchObject({ code: 'KS_LOG' });
  });

  it('tells one event once that the log has too, without the mark of it', async () => {
    const { lake, dir } = await testLake();
    const records = ['twice', 'both'].map((id) => spooledRecord(id, 0));
    const named = namedLog(1);
    await named.send(TOPIC, [{ partition: 0, records, name: NAME }], 1000);
    const real = await lake.log();
    await real.ensureTopic(TOPIC, 1);
    await leaveInSpool(dir, TOPIC, [
      { ids: ['twice', 'both'], name: NAME },
      { ids: ['sent'], name: { ...NAME, producerId: '9' } },
    ]);
    const beside = withLog(lake, async () => ({ ...real, named, bounds: real.bounds, read: real.read, topicId: real.topicId }));
    // The log's own records lie elsewhere: only its word on the batch is here.
    expect(await traceOne(beside, 'both')).toMatchObject({
      offset: 1,
      log: { state: 'spooled', log: 'taken' },
      verdict: { waitsFor: 'bronze', eventsBefore: 1 },
    });
    expect(await traceOne(beside, 'sent')).toMatchObject({ offset: null, log: { log: 'waits' } });
    named.weather = 'away';
    expect(await traceOne(beside, 'sent')).toMatchObject({ offset: null, log: { log: 'sent' } });
    named.weather = 'fine';
    await real.append(TOPIC, records);
    const found = await trace(beside, 'both');
    expect(found.events).toMatchObject([{ offset: 1, log: { state: 'held' } }]);
    expect(found.total).toBe(1);
  });

  it('takes an event for the same that went into the log while it was traced', async () => {
    const { lake, dir } = await testLake();
    const folder = await leaveInSpool(dir, TOPIC, [{ ids: ['moving'] }]);
    const real = await lake.log();
    await real.ensureTopic(TOPIC, 1);
    const moving = withLog(lake, async () => ({
      ...real,
      read: real.read,
      topicId: real.topicId,
      bounds: async (topic: string) => {
        const slot = await openSlot(folder, 'slot-0');
        const window = await slot.next(1);
        if (window) {
          await real.append(topic, window.records);
          await slot.done(window);
        }
        await slot.close();
        return real.bounds(topic);
      },
    }));
    const found = await trace(moving, 'moving');
    expect(found.events).toMatchObject([{ offset: 0, log: { state: 'held' } }]);
    expect(found.total).toBe(1);
  });

  it('finds what is whole in a damaged spool, and says what was not searched', async () => {
    const { lake, dir } = await testLake();
    const slot = await leaveInSpool(dir, TOPIC, [{ ids: ['one'] }, { ids: ['two'] }, { ids: ['three'] }]);
    const file = path.join(slot, '0000000001.spool');
    const bytes = await readFile(file);
    bytes.write('?', bytes.indexOf('"order_id":"two"'));
    await writeFile(file, bytes);
    const found = await trace(lake, 'three');
    expect(found.warnings).toEqual([expect.stringMatching(/is damaged at byte/)]);
    expect(found.events).toHaveLength(1);
    await expect(trace(lake, 'two')).rejects.toMatchObject({
      message: expect.stringMatching(/not searched: .* is damaged at byte/),
    });
  });

  it('meets an engine that does not start while the log is waited for', async () => {
    const { lake } = await testLake();
    const slow = withLog(lake, async () => {
      await new Promise((resolve) => void setTimeout(resolve, 50));
      return lake.log();
    });
    // What nobody has met by then ends the process, here as in the command.
    const duck = async (): Promise<never> => {
      throw new KeystoneError('KS_ENGINE', 'no room for the engine', { hint: 'free some' });
    };
    await expect(trace({ ...slow, duck }, 'x')).rejects.toMatchObject({ message: 'no room for the engine' });
  });
});
