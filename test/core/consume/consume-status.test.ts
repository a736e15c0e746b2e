import { describe, expect, it } from 'vitest';
import { consumeStatus } from '../../../src/core/consume/consume-status.js';
import { leaseName } from '../../../src/core/state/lease-name.js';
import { lakehouseAt, offsetsAt, recordFor, START_MS, TOPIC } from '../../support/lakehouse-at-offsets.js';

describe('consumeStatus', () => {
  it('shows the lease, how far landing and derivation are, and the last runs', async () => {
    const lakehouse = await lakehouseAt({ 'bronze.events': offsetsAt(2, 1), 'ledger.dispositions': offsetsAt(1, 1) });
    const log = await lakehouse.log();
    await log.ensureTopic(TOPIC, 2);
    await log.append(TOPIC, [recordFor(0), recordFor(0), recordFor(0), recordFor(1)]);
    const state = await lakehouse.state();
    expect((await consumeStatus(lakehouse, { runs: 5 })).lease).toEqual({ kind: 'free', name: leaseName(TOPIC) });
    const lease = await state.acquireLease(leaseName(TOPIC), 'host/1', 1000);
    for (const id of ['r1', 'r2'])
      await state.saveRun({
        id,
        command: 'consume run',
        status: 'succeeded',
        startedAtMs: START_MS,
        endedAtMs: START_MS + 5,
        detail: { landed: 1 },
      });
    await state.saveRun({
      id: 'other',
      command: 'gold run',
      status: 'failed',
      startedAtMs: START_MS,
      endedAtMs: null,
      detail: null,
    });
    const status = await consumeStatus(lakehouse, { runs: 1 });
    expect(status.lease).toEqual({ kind: 'held', ...lease });
    expect(status.members).toEqual([]);
    expect(status.positions).toEqual([
      { table: 'bronze.events', partition: 0, nextOffset: 2, logEndOffset: 3, pendingEvents: 1 },
      { table: 'bronze.events', partition: 1, nextOffset: 1, logEndOffset: 1, pendingEvents: 0 },
      { table: 'ledger.dispositions', partition: 0, nextOffset: 1, logEndOffset: 3, pendingEvents: 2 },
      { table: 'ledger.dispositions', partition: 1, nextOffset: 1, logEndOffset: 1, pendingEvents: 0 },
    ]);
    expect([status.pendingLanding, status.pendingDerivation]).toEqual([1, 2]);
    expect(status.lastRuns.map((run) => run.id)).toEqual(['r2']);
    lakehouse.advance(1000);
    expect((await consumeStatus(lakehouse, { runs: 0 })).lease.kind).toBe('expired');
  });

  it('takes a run for lost that gives no sign of life, though another one holds the lease now', async () => {
    const lakehouse = await lakehouseAt({ 'bronze.events': offsetsAt(1, 1) });
    await (await lakehouse.log()).ensureTopic(TOPIC, 2);
    const state = await lakehouse.state();
    const begin = (id: string, detail: object) =>
      state.saveRun({ id, command: 'consume run', status: 'running', startedAtMs: START_MS, endedAtMs: null, detail });
    await begin('1-old', { topic: TOPIC });
    await begin('2-killed', { topic: TOPIC, holder: 'host/1', aliveAtMs: START_MS + 1000 });
    await begin('3-quiet', { topic: TOPIC, holder: 'host/2', aliveAtMs: START_MS });
    await begin('4-signs', { topic: TOPIC, holder: 'host/3', aliveAtMs: START_MS + 55_000 });
    const seen = async () => (await consumeStatus(lakehouse, { runs: 9 })).lastRuns.map(({ id, status }) => `${id} ${status}`);
    expect(await seen()).toEqual(['4-signs running', '3-quiet running', '2-killed running', '1-old running']);
    lakehouse.advance(60_000);
    await state.acquireLease(leaseName(TOPIC), 'host/2', 1000);
    expect(await seen()).toEqual(['4-signs running', '3-quiet running', '2-killed lost', '1-old lost']);
    lakehouse.advance(1000);
    expect(await seen()).toContain('3-quiet lost');
  });

  it('names the members of the group with what each lands, and who of them derives', async () => {
    const lakehouse = await lakehouseAt({ 'bronze.events': offsetsAt(1, 1) });
    const log = await lakehouse.log();
    await log.ensureTopic(TOPIC, 2);
    const lake = 'uuid of bronze.events';
    const member = (name: string, partitions: readonly number[]) => ({
      name,
      lake,
      memberId: `m-${name}`,
      host: '10.0.0.1',
      partitions,
    });
    const members = [member('host/1', [0]), member('host/2', [1])];
    const shared = {
      ...lakehouse,
      log: async () => ({ ...log, groupMembers: async () => [...members, { ...member('host/3', [0, 1]), lake: 'another' }] }),
    };
    await (await lakehouse.state()).acquireLease(leaseName(TOPIC), 'host/2', 1000);
    const status = await consumeStatus(shared, { runs: 0 });
    expect(status.members).toEqual([
      { ...members[0], derives: false },
      { ...members[1], derives: true },
    ]);
  });
});
