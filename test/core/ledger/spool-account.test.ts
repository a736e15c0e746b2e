/** Accepted events that are not in the log yet, in the account. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { KeystoneError } from '../../../src/core/errors.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import { lookAfterLog, lookBeforeLog } from '../../../src/core/ledger/spool-account.js';
import { openSlot } from '../../../src/core/spool/spool-slot.js';
import { leaveInSpool, SPOOLED_MS } from '../../support/left-spool.js';
import { namedLog } from '../../support/named-log.js';
import { testLake } from '../../support/test-lake.js';
import { consume, put } from '../silver/consume-support.js';

const TOPIC = 'olist-enterprise-events';

/** The lakehouse with another log in place of its own. */
const withLog = (lake: Lakehouse, log: () => Promise<unknown>): Lakehouse => ({ ...lake, log: log as Lakehouse['log'] });
/** As a profile whose log is behind a network. */
const onKafka = (lake: Lakehouse): Lakehouse => ({
  ...lake,
  config: { ...lake.config, profile: { ...lake.config.profile, log: { ...lake.config.profile.log, adapter: 'kafka' } } },
});

describe('the account', () => {
  it('says nothing of a spool where there is none, and that none waits where there could be', async () => {
    const { lake } = await testLake();
    expect(await verifyLedger(lake, { deep: false })).toMatchObject({ closed: true, spool: null, warnings: [] });
    expect(await verifyLedger(onKafka(lake), { deep: false })).toMatchObject({
      closed: true,
      spool: { isThere: false, events: 0, oldestAt: null, slots: [] },
    });
  });

  it('closes with events in the spool, which it counts beside the lake', async () => {
    const { lake, dir } = await testLake();
    await put(lake, [{ id: 'a', payload: {} }]);
    await consume(lake);
    await leaveInSpool(dir, TOPIC, [{ ids: ['b', 'c'] }, { ids: ['d'], atMs: SPOOLED_MS + 1000 }], { slot: 'slot-1' });
    await leaveInSpool(dir, TOPIC, [{ ids: ['e'], atMs: SPOOLED_MS - 1000 }]);
    for (const deep of [false, true]) {
      const { closed, breaks, totals, spool } = await verifyLedger(onKafka(lake), { deep });
      expect([closed, breaks, totals.bronze, totals.pending]).toEqual([true, [], 1, 0]);
      expect(spool).toMatchObject({ events: 4, oldestAt: '2017-07-14T02:39:59.000Z', inDoubt: 0, isDraining: false });
      expect(spool?.slots.map(({ topic, slot, events }) => [topic, slot, events])).toEqual([
        [TOPIC, 'slot-0', 1],
        [TOPIC, 'slot-1', 3],
      ]);
      expect(Math.abs(spool!.oldestAgeMs! - (lake.effects.clock.nowMs() - SPOOLED_MS + 1000))).toBeLessThan(600_000);
    }
  });

  it('names events that nobody would take up', async () => {
    const { lake, dir } = await testLake();
    await leaveInSpool(dir, 'other', [{ ids: ['a'] }]);
    const warnings = async (of: Lakehouse): Promise<readonly string[]> => (await verifyLedger(of, { deep: false })).warnings;
    expect(await warnings(lake)).toEqual([
      expect.stringMatching(/^1 events wait in a spool, and the log of this profile takes none/),
    ]);
    expect(await warnings(onKafka(lake))).toEqual([expect.stringMatching(/topic other, .* drain --set log\.topic=other$/)]);
    const { config } = onKafka(lake);
    const off = { ...config.ingest, spool: { ...config.ingest.spool, patience: 0 } };
    expect(await warnings({ ...lake, config: { ...config, ingest: off } })).toEqual([
      expect.stringMatching(/drain --set ingest\.spool\.patience=5s$/),
    ]);
  });

  it('does not close over a damaged spool, and counts what is whole', async () => {
    const { lake, dir } = await testLake();
    const slot = await leaveInSpool(
      dir,
      TOPIC,
      ['a', 'b', 'c'].map((id) => ({ ids: [id] })),
    );
    const file = path.join(slot, '0000000001.spool');
    const bytes = await readFile(file);
    bytes.write('?', bytes.indexOf('"order_id":"b"'));
    await writeFile(file, bytes);
    expect(await verifyLedger(lake, { deep: false })).toMatchObject({
      closed: false,
      breaks: [{ kind: 'spool', table: `${TOPIC}/slot-0`, detail: expect.stringMatching(/is damaged at byte \d+$/) }],
      spool: { events: 2 },
    });
  });

  it('does not close over the last frame when it is damaged, and warns of one that is torn', async () => {
    const { lake, dir } = await testLake();
    const slot = await leaveInSpool(dir, TOPIC, [{ ids: ['a', 'b'] }]);
    const file = path.join(slot, '0000000001.spool');
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, -3));
    for (const deep of [false, true])
      expect(await verifyLedger(lake, { deep })).toMatchObject({
        closed: true,
        spool: { events: 0 },
        warnings: expect.arrayContaining([expect.stringContaining(`${file} ends in ${bytes.length - 3} bytes of a torn write`)]),
      });
    bytes.write('?', bytes.length - 1);
    await writeFile(file, bytes);
    for (const deep of [false, true])
      expect(await verifyLedger(lake, { deep })).toMatchObject({
        closed: false,
        breaks: [{ kind: 'spool', table: `${TOPIC}/slot-0`, detail: `the spool file ${file} is damaged at byte 0` }],
        warnings: expect.arrayContaining([expect.stringContaining(`mv ${file} ${file}.damaged`)]),
      });
  });

  it('says how much of what was sent already may be in the log, and when asked, is', async () => {
    const { lake, dir } = await testLake();
    const log = namedLog(1);
    const record = { partition: 0, key: null, value: Buffer.from('x'), headers: [] };
    const [there] = await log.cut(TOPIC, [record], 1000);
    await log.send(TOPIC, [there!], 1000);
    const [lost] = await log.cut(TOPIC, [record], 1000);
    await leaveInSpool(dir, TOPIC, [{ ids: ['a', 'b'], name: there!.name }, { ids: ['c'], name: lost!.name }, { ids: ['d'] }]);
    const before = await lookBeforeLog(onKafka(lake));
    const asked = onKafka(withLog(lake, async () => ({ named: log })));
    expect((await lookAfterLog(asked, before, { deep: false })).account).toMatchObject({ events: 4, inDoubt: 3, inLog: null });
    expect((await lookAfterLog(asked, before, { deep: true })).account).toMatchObject({ events: 4, inDoubt: 3, inLog: 2 });
    log.weather = 'away';
    expect(await lookAfterLog(asked, before, { deep: true })).toMatchObject({
      account: { inDoubt: 3, inLog: null },
      warnings: [expect.stringMatching(/the log was not asked which of its events it has/)],
    });
  });

  it('says that events went on while it was taken', async () => {
    const { lake, dir } = await testLake();
    const folder = await leaveInSpool(dir, TOPIC, [{ ids: ['a'] }, { ids: ['b'] }]);
    const before = await lookBeforeLog(onKafka(lake));
    const slot = await openSlot(folder, 'slot-0');
    await slot.append({ atMs: 1, runs: [{ partition: 0, records: [], name: null }] });
    expect((await lookAfterLog(lake, before, { deep: false })).account).toMatchObject({ events: 2, isDraining: false });
    await slot.done((await slot.next(1))!);
    await slot.close();
    expect((await lookAfterLog(lake, before, { deep: false })).account).toMatchObject({ events: 2, isDraining: true });
  });

  it('that cannot be taken because the log is away says what waits all the same', async () => {
    const { lake, dir } = await testLake();
    await leaveInSpool(dir, TOPIC, [{ ids: ['a', 'b'] }]);
    const away = withLog(lake, async () => {
      throw Object.assign(new KeystoneError('KS_LOG', 'no broker answers'), { retriable: true });
    });
    await expect(verifyLedger(away, { deep: false })).rejects.toMatchObject({
      code: 'KS_LOG',
      message:
        'no broker answers; 2 accepted events wait in the spool of this machine, the oldest since 2017-07-14T02:40:00.000Z',
      details: { spooledEvents: 2 },
    });
  });
});
