/**
 * What the lake has seen: every event id with the position of its first event, and for each key of a dataset the current silver
 * row. Without it every batch would scan all of silver. It is a cache beside the builder, filled from the tables when first needed,
 * kept in step with each commit, and thrown away whenever another builder may have committed: the tables are the truth. It spills to disk
 * like any table of its session when it outgrows memory.
 *
 * Ids and keys are 128-bit hashes (md5 of dataset and id, of the key's values): 28 bytes a row and more for the key's version.
 */
import type { Contract } from '../contract/contract.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import type { ObjectStore } from '../store/object-store.js';
import { scanSql } from '../table/scan-sql.js';
import type { Table } from '../table/table-api.js';
import { duckTypeOf } from './silver-table.js';
import { inRangeSql, type TopicRange } from './offset-ranges.js';

/** An event id is known within its dataset. */
export const idHashSql = (dataset: string, eventId: string): string => `md5_number(concat(${dataset}, chr(31), ${eventId}))`;

export const keyHashSql = (key: readonly string[]): string =>
  `md5_number(concat_ws(chr(31), ${key.map((column) => `coalesce(CAST(${quoteIdentifier(column)} AS VARCHAR), chr(30))`).join(', ')}))`;

/** SQL value that orders versions of a key before log time, partition and offset; NULL where the contract names no version column. */
export const versionSql = (contract: Contract): string =>
  contract.versionColumn === null ? 'NULL' : quoteIdentifier(contract.versionColumn);

const versionType = (contract: Contract): string => {
  const column = contract.columns.find(({ name }) => name === contract.versionColumn);
  return column ? duckTypeOf(column.type) : 'INTEGER';
};

/** Boolean SQL over dispositions: rejected, and an event of its id came before. */
export const IS_CONFLICT = `(verdict IN ('quarantined', 'error') AND winner_offset IS NOT NULL)`;

export interface SeenIndex {
  /** Table `(id_hash, topic, part, off)`, one row an id: join on `id_hash`. */
  readonly ids: string;
  /** Table `(id_hash, topic, part, off)`: the events that were rejected because their id was known with another payload. */
  readonly conflicts: string;
  /** Table `(key_hash, topic, part, off, log_time, version)` of a dataset with a key, one row a key. */
  keys(contract: Contract): string;
  /** Loads what the datasets need and is not there yet. */
  load(datasets: readonly Contract[], tables: SeenSources): Promise<void>;
  /** Forgets everything; the next `load` reads the tables again. */
  invalidate(): void;
}

export interface SeenSources {
  readonly dispositions: Table;
  /** `silver.<dataset>`. */
  silver(dataset: string): Table;
  readonly store: ObjectStore;
  /** While a range is redone: its own dispositions do not count as seen before (an event is not its own duplicate). */
  readonly redone: TopicRange | null;
}

export function createSeenIndex(session: DuckSession): SeenIndex {
  const ids = 'seen_ids';
  const conflicts = 'seen_conflicts';
  const keysName = (contract: Contract): string => quoteIdentifier(`seen_keys_${contract.dataset}`);
  let dispositionsLoaded = false;
  const loadedDatasets = new Set<string>();

  const loadDispositions = async ({ dispositions, store, redone }: SeenSources): Promise<void> => {
    const state = await dispositions.state();
    const { files } = await dispositions.scan();
    const own = redone
      ? `NOT ${inRangeSql(redone, { topic: 'topic', partition: 'kafka_partition', offset: 'kafka_offset' })}`
      : 'true';
    await session.run(`CREATE OR REPLACE TABLE ${ids} (id_hash UHUGEINT, topic VARCHAR, part INTEGER, off BIGINT)`);
    // A duplicate or conflict names the first event of its id as its winner; a superseded event's winner is another event.
    const firstEvent = `CASE WHEN verdict = 'superseded' OR winner_offset IS NULL
      THEN {topic: topic, part: kafka_partition, off: kafka_offset} ELSE {topic: topic, part: winner_partition, off: winner_offset} END`;
    const rows = await scanSql(state.fields, files, store);
    await session.run(`INSERT INTO ${ids}
      SELECT id_hash, first.topic, first.part, first.off FROM (
        SELECT ${idHashSql('dataset', 'event_id')} AS id_hash, min(${firstEvent}) AS first
        FROM (${rows}) WHERE ${own} GROUP BY id_hash)`);
    await session.run(`CREATE OR REPLACE TABLE ${conflicts} AS
      SELECT ${idHashSql('dataset', 'event_id')} AS id_hash, topic, kafka_partition AS part, kafka_offset AS off
      FROM (${rows}) WHERE ${own} AND ${IS_CONFLICT}`);
  };

  const loadSilver = async (contract: Contract, { silver, store }: SeenSources): Promise<void> => {
    const table = silver(contract.dataset);
    const state = await table.state();
    const { files } = await table.scan();
    const rows = await scanSql(state.fields, files, store);
    const idHash = idHashSql(quoteLiteral(contract.dataset), '_event_id');
    const unknownId = `NOT EXISTS (SELECT 1 FROM ${ids} WHERE ${ids}.id_hash = silver.id_hash)`;
    if (contract.key.length === 0) {
      await session.run(`INSERT INTO ${ids} SELECT * FROM (
        SELECT ${idHash} AS id_hash, _topic, _partition, _offset FROM (${rows})) AS silver WHERE ${unknownId}`);
      return;
    }
    // The files are read once for both: a table of many days has many, and opening them is the cost.
    await session.run(`CREATE OR REPLACE TEMP TABLE seen_silver AS
      SELECT ${idHash} AS id_hash, ${keyHashSql(contract.key)} AS key_hash, _topic AS topic, _partition AS part, _offset AS off,
        _log_time AS log_time, CAST(${versionSql(contract)} AS ${versionType(contract)}) AS version FROM (${rows})`);
    await session.run(`INSERT INTO ${ids} SELECT id_hash, topic, part, off FROM seen_silver AS silver WHERE ${unknownId}`);
    await session.run(`CREATE OR REPLACE TABLE ${keysName(contract)} AS
      SELECT key_hash, topic, part, off, log_time, version FROM seen_silver`);
    await session.run('DROP TABLE seen_silver');
  };

  return {
    ids,
    conflicts,
    keys: keysName,
    load: async (datasets, sources) => {
      if (!dispositionsLoaded) {
        await loadDispositions(sources);
        dispositionsLoaded = true;
      }
      for (const contract of datasets) {
        if (loadedDatasets.has(contract.dataset)) continue;
        await loadSilver(contract, sources);
        loadedDatasets.add(contract.dataset);
      }
    },
    invalidate: () => {
      dispositionsLoaded = false;
      loadedDatasets.clear();
    },
  };
}
