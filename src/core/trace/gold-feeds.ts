/** Which gold models a silver row flows into, straight or through other models, and where in them. */
import type { Contract } from '../contract/contract.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { readBuildRecord } from '../gold/build-record.js';
import type { Model } from '../gold/model.js';
import type { Lakehouse } from '../lakehouse.js';
import { snapshotNextOffsets } from '../table/snapshot-offsets.js';
import type { DataFile, Table, TableName } from '../table/table-api.js';
import { affectedDates } from './affected-dates.js';
import { fileRowsSql } from './file-rows.js';
import { findGoldRows } from './gold-rows.js';
import type { SilverRow } from './silver-rows.js';
import type { LogPlace } from './trace-target.js';
import type { GoldFeed } from './traced-event.js';

/** `models` in build order. */
export async function goldFeeds(
  lakehouse: Lakehouse,
  session: DuckSession,
  models: readonly Model[],
  silver: SilverRow,
  options: { readonly contract: Contract | undefined; readonly deep: boolean },
): Promise<readonly GoldFeed[]> {
  const input = silver.table.name;
  const file = { path: silver.path } as DataFile;
  const rowSql = `SELECT * EXCLUDE (_path, _row) FROM (${await fileRowsSql(silver.table.store, [file], '*')}) WHERE _row = ${silver.row}`;
  const feeds = new Map<TableName, GoldFeed>();
  for (const model of models) {
    const upstream = model.inputs.flatMap((name) => feeds.get(name) ?? []);
    const isDirect = model.inputs.includes(input);
    if (!isDirect && upstream.length === 0) continue;
    const unknown = { model: model.name, granularity: 'table', partitions: [], rows: [], rowCount: 0, files: [] } as const;
    const table = await lakehouse.table(model.name);
    if (!table) {
      feeds.set(model.name, { ...unknown, upToDate: false, why: 'it is not built yet: keystone gold run' });
      continue;
    }
    if (!isDirect) {
      const through = upstream.map((feed) => feed.model).join(', ');
      const upToDate = upstream.every((feed) => feed.upToDate);
      feeds.set(model.name, { ...unknown, upToDate, why: `it reads the dataset through ${through}` });
      continue;
    }
    const affected = await affectedDates(lakehouse, session, model, input, rowSql, options.deep);
    const found = await findGoldRows(session, table, model, { ...options, values: silver.values, affected });
    const upToDate = await hasRead(table, silver.table, silver.event);
    feeds.set(model.name, { model: model.name, ...found, upToDate });
  }
  return [...feeds.values()];
}

/** True when the silver snapshot that gold was last built from had consumed the event. */
async function hasRead(gold: Table, silver: Table, { topic, partition, offset }: LogPlace): Promise<boolean> {
  const { currentSnapshot, snapshots } = await gold.state();
  const read = readBuildRecord(currentSnapshot, snapshots)?.inputs.get(silver.name);
  if (read === undefined || read === null) return false;
  const state = await silver.state();
  if (state.currentSnapshot?.id === read) return true;
  const snapshot = state.snapshots.find(({ id }) => id === read);
  return snapshot !== undefined && (snapshotNextOffsets(snapshot).get(topic)?.get(partition) ?? 0) > offset;
}
