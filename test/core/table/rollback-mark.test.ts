/** What a rollback on purpose leaves in a table's metadata, and what it means to the table's state and to commits. */
import { describe, expect, it } from 'vitest';
import { ROLLBACK_MARK } from '../../../src/core/table/rollback-mark.js';
import { rolledBackMetadata } from '../../../src/core/table/rolled-back-metadata.js';
import type { Table } from '../../../src/core/table/table-api.js';
import { bareFile, freshTable } from './orders-table.js';

const MARK = { number: 3, table: 'silver.orders', to: 7n, cut: null };

const fence = (expectedNext: number, endExclusive: number, fencingToken = 1) => ({
  ranges: [{ topic: 't', partition: 0, expectedNext, endExclusive }],
  fencingToken,
});

async function threeCommits(): Promise<{ readonly table: Table; readonly ids: readonly bigint[] }> {
  const { table } = await freshTable();
  const ids: bigint[] = [];
  for (let at = 0; at < 3; at++) {
    const outcome = await table.commit({ add: [bareFile(table, `f${at}`)], fence: fence(at * 10, at * 10 + 10) });
    if (outcome.kind === 'committed') ids.push(outcome.snapshot.id);
  }
  return { table, ids };
}

const takeBack = (table: Table, to: bigint | null, mark: typeof MARK | null = MARK): Promise<unknown> =>
  table.changeMetadata(async (base) => rolledBackMetadata(base, { to, fencingToken: 5, ...(mark && { mark }) }, 1));

describe('a table that was rolled back on purpose', () => {
  it('misses nothing of what it gave up, though it never catches up with its offsets', async () => {
    const { table, ids } = await threeCommits();
    await takeBack(table, ids[0] as bigint);
    const state = await table.state();
    expect(state).toMatchObject({ rolledBackFrom: null, rollback: { ...MARK, sequence: 3 }, currentSnapshot: { id: ids[0] } });
    await table.commit({ add: [bareFile(table, 'again')], fence: fence(10, 15, 6) });
    expect((await table.state()).rolledBackFrom).toBeNull();
  });

  it('misses what a later rollback by somebody else takes', async () => {
    const { table, ids } = await threeCommits();
    await takeBack(table, ids[1] as bigint);
    await table.commit({ add: [bareFile(table, 'again')], fence: fence(20, 25, 6) });
    const later = (await table.state()).currentSnapshot?.id;
    await table.rollback(ids[1] as bigint);
    expect((await table.state()).rolledBackFrom?.id).toBe(later);
  });

  it('without a mark misses what it lost until it holds it again', async () => {
    const { table, ids } = await threeCommits();
    await takeBack(table, ids[0] as bigint, null);
    expect(await table.state()).toMatchObject({ rollback: null, rolledBackFrom: { id: ids[2] } });
  });

  it('refuses commits under a lease of before, at the offsets that fit too', async () => {
    const { table, ids } = await threeCommits();
    await takeBack(table, ids[0] as bigint);
    expect(await table.commit({ add: [], fence: fence(10, 20, 4) })).toMatchObject({ kind: 'fenced' });
    expect(await table.commit({ add: [], fence: fence(10, 20, 5) })).toMatchObject({ kind: 'committed' });
  });

  it('can be empty again, keeps its snapshots, and is filled from the start', async () => {
    const { table } = await threeCommits();
    await takeBack(table, null);
    const state = await table.state();
    expect(state).toMatchObject({ currentSnapshot: null, rolledBackFrom: null });
    expect([state.snapshots.length, state.nextOffsets.size, (await table.scan()).files.length]).toEqual([3, 0, 0]);
    const filled = await table.commit({ add: [bareFile(table, 'new')], fence: fence(0, 5, 6) });
    expect(filled).toMatchObject({ kind: 'committed', snapshot: { parentId: null, sequenceNumber: 4 } });
  });

  it('with an unreadable mark is named as corrupt', async () => {
    const { table } = await freshTable();
    await table.changeMetadata(async (base) => ({ ...base, properties: { [ROLLBACK_MARK]: '{"number":"x"}' } }));
    await expect(table.state()).rejects.toMatchObject({ code: 'KS_TABLE_CORRUPT' });
  });
});
