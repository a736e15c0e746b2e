/** Rows of silver whose lineage names places that were never landed. */
import { describe, expect, it } from 'vitest';
import { type AccountBreak, MAX_NAMED, type PartitionAccount } from '../../../src/core/ledger/account.js';
import type { TableAtCut } from '../../../src/core/ledger/account-cut.js';
import { outsiders } from '../../../src/core/ledger/outsiders.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { silverTable } from '../../../src/core/silver/silver-table.js';
import type { TableName } from '../../../src/core/table/table-api.js';
import { addRows } from '../../support/lake-with-rejects.js';
import { testLake } from '../../support/test-lake.js';

type Place = readonly [topic: string, partition: number, offset: number];

/** `events`, partition 0 and 1: offsets below 100 landed, of partition 1 those below 120 were processed before a topic was recreated. */
const LANDED: readonly PartitionAccount[] = [
  { topic: 'events', partition: 0, bronzeNext: 100, processedNext: 90 },
  { topic: 'events', partition: 1, bronzeNext: 100, processedNext: 120 },
  { topic: 'other', partition: 0, bronzeNext: 5, processedNext: 5 },
].map((one) => ({ ...one, logStart: 0, logEnd: one.bronzeNext, pending: 0, holes: 0, lost: 0 }));

/** A commit, so a file, of one seller for each place. */
async function putSellers(lake: Lakehouse, places: readonly Place[]): Promise<void> {
  const contract = (await lake.contracts()).get('sellers');
  if (!contract) throw new Error('no contract for sellers');
  const values = places.map(([topic, partition, offset]) => `('${topic}', ${partition}, ${offset})`).join(', ');
  await addRows(
    lake,
    silverTable(contract),
    `SELECT topic AS _topic, part AS _partition, off AS _offset, topic || part || '-' || off AS _event_id,
       TIMESTAMP '2018-08-01 10:00:00' AS _log_time, md5(topic || part || '-' || off) AS seller_id,
       '13023' AS seller_zip_code_prefix, 'campinas' AS seller_city, 'SP' AS seller_state
     FROM (VALUES ${values}) AS places (topic, part, off)`,
  );
}

async function atCut(lake: Lakehouse): Promise<TableAtCut> {
  const table = await lake.table('silver.sellers');
  if (!table) throw new Error('no sellers');
  const state = await table.state();
  return { table, state, snapshot: state.currentSnapshot };
}

async function found(
  lake: Lakehouse,
  tables: readonly (readonly [TableName, TableAtCut])[],
  { partitions = LANDED, unreadable = [] }: { partitions?: readonly PartitionAccount[]; unreadable?: readonly string[] } = {},
): Promise<readonly AccountBreak[]> {
  const session = await lake.duck();
  try {
    const cut = { processed: new Map(), tables: new Map(tables), inFlight: [] };
    return await outsiders(lake, session, cut, partitions, new Set(unreadable));
  } finally {
    await session.close();
  }
}

const sellersOf = async (...commits: readonly (readonly Place[])[]): Promise<Lakehouse> => {
  const { lake } = await testLake();
  for (const places of commits) await putSellers(lake, places);
  return lake;
};

describe('rows that another writer put into silver', () => {
  it('are none where every place was landed or processed', async () => {
    const lake = await sellersOf([
      ['events', 0, 0],
      ['events', 0, 99],
      ['events', 1, 119],
    ]);
    expect(await found(lake, [['silver.sellers', await atCut(lake)]])).toEqual([]);
  });

  it('are none in a file of several topics and partitions, whose bounds alone say nothing', async () => {
    const lake = await sellersOf([
      ['other', 0, 4],
      ['events', 1, 119],
      ['events', 0, 0],
    ]);
    expect(await found(lake, [['silver.sellers', await atCut(lake)]])).toEqual([]);
  });

  it('are named: a topic, a partition and an offset that bronze does not have, beside rows that it has', async () => {
    const lake = await sellersOf(
      [['events', 0, 1]],
      [
        ['events', 0, 100],
        ['events', 0, 2],
      ],
      [['elsewhere', 0, 7]],
      [
        ['events', 2, 3],
        ['events', 0, -1],
        ['other', 0, 5],
      ],
    );
    expect(await found(lake, [['silver.sellers', await atCut(lake)]])).toEqual([
      {
        kind: 'foreign',
        table: 'silver.sellers',
        detail: '5 rows name places that no event of bronze has: another writer put them in',
        count: 5,
        offsets: ['elsewhere/0/7', 'events/0/-1', 'events/0/100', 'events/2/3', 'other/0/5'],
      },
    ]);
  });

  it('are all of them where nothing was ever landed; not all are named', async () => {
    const count = MAX_NAMED + 3;
    const lake = await sellersOf(Array.from({ length: count }, (_, offset): Place => ['events', 0, offset]));
    const [only, ...others] = await found(lake, [['silver.sellers', await atCut(lake)]], { partitions: [] });
    expect(others).toEqual([]);
    expect(only).toMatchObject({ kind: 'foreign', count });
    expect(only?.offsets).toHaveLength(MAX_NAMED);
  });

  it('are sought in silver alone, at the snapshot of the cut', async () => {
    const lake = await sellersOf([['events', 0, 1]]);
    const before = await atCut(lake);
    await putSellers(lake, [['elsewhere', 0, 7]]);
    const after = await atCut(lake);
    expect(await found(lake, [['silver.sellers', before]])).toEqual([]);
    expect(await found(lake, [['silver.sellers', { ...after, snapshot: null }]])).toEqual([]);
    expect(await found(lake, [['quarantine.events', after]])).toEqual([]);
    expect(await found(lake, [['silver.sellers', after]])).toHaveLength(1);
  });

  it('are not sought in files that cannot be opened', async () => {
    const lake = await sellersOf([['elsewhere', 0, 7]], [['elsewhere', 0, 8]]);
    const { table, state, snapshot } = await atCut(lake);
    const { files } = await table.scan();
    const unreadable = files.slice(0, 1).map(({ path }) => path);
    expect(await found(lake, [['silver.sellers', { table, state, snapshot }]], { unreadable })).toMatchObject([{ count: 1 }]);
  });
});
