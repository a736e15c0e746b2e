/**
 * The deep account: reads positions and identities of bronze, silver, dispositions, error zone and quarantine, a bounded stretch of
 * offsets at a time, so that memory does not grow with the lake.
 */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteLiteral } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { ERROR_EVENTS, QUARANTINE_EVENTS } from '../quarantine/quarantine-tables.js';
import { scanSql } from '../table/scan-sql.js';
import type { DataFile, OffsetHole, Snapshot, Table, TableState } from '../table/table-api.js';
import { type AccountBreak, MAX_NAMED, type PartitionAccount, type VerifyOptions } from './account.js';
import type { AccountCut } from './account-cut.js';
import { DISPOSITIONS } from './dispositions-table.js';
import { doubledKeys } from './doubled-keys.js';
import { outsiders } from './outsiders.js';
import { wrongFiles } from './wrong-files.js';

/** Offsets judged in one step. */
const STRETCH = 1_000_000;

export interface DeepInput {
  readonly bronze: Table;
  readonly bronzeState: TableState;
  readonly cut: AccountCut | null;
  readonly partitions: readonly PartitionAccount[];
  readonly holes: readonly OffsetHole[];
}

interface Stretch {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly toExclusive: number;
  /** Events at or above it are not processed yet. */
  readonly processedNext: number;
  /** All of it is a recorded hole. */
  readonly isHole: boolean;
}

export async function deepBreaks(
  lakehouse: Lakehouse,
  input: DeepInput,
  options: VerifyOptions,
): Promise<readonly AccountBreak[]> {
  const session = await lakehouse.duck();
  const store = await lakehouse.store();
  try {
    const { breaks, unreadable } = await wrongFiles(lakehouse, session, [
      { table: input.bronze, snapshot: input.bronzeState.currentSnapshot },
      ...(input.cut?.tables.values() ?? []),
    ]);
    const stretches = input.partitions.flatMap((one) => stretchesOf(one, input.holes));
    const total = input.partitions.reduce((sum, { bronzeNext }) => sum + bronzeNext, 0);
    let done = 0;
    for (const stretch of stretches) {
      if (options.signal?.aborted)
        throw new KeystoneError('KS_INTERRUPTED', 'stopped before the account was read', {
          hint: 'keystone ledger verify --deep',
        });
      const read = async (
        table: Table,
        snapshot: Snapshot | null,
        state: TableState,
        columns: PositionColumns,
        select: string,
      ): Promise<string> => {
        const files = snapshot ? await filesOf(table, snapshot, stretch, columns) : [];
        // What an unreadable file held is missing, so its offsets are named.
        const readable = files.filter(({ path }) => !unreadable.has(path));
        const rows = await scanSql(state.fields, readable, store);
        return `SELECT ${select} FROM (${rows}) WHERE ${columns.topic} = ${quoteLiteral(stretch.topic)} AND ${columns.partition} = ${stretch.partition}
          AND ${columns.offset} >= ${stretch.from} AND ${columns.offset} < ${stretch.toExclusive}`;
      };
      await session.run(
        `CREATE OR REPLACE TEMP TABLE b AS ${await read(input.bronze, input.bronzeState.currentSnapshot, input.bronzeState, KAFKA, 'kafka_offset AS off, event_id, dataset')}`,
      );
      breaks.push(...(await bronzeBreaks(session, stretch, input.holes)));
      if (input.cut) breaks.push(...(await placeBreaks(session, stretch, input.cut, read)));
      done += stretch.toExclusive - stretch.from;
      options.onProgress?.({ phase: 'account', done, total, unit: 'events' });
    }
    if (input.cut) {
      breaks.push(...(await outsiders(lakehouse, session, input.cut, input.partitions, unreadable)));
      breaks.push(...(await doubledKeys(lakehouse, session, input.cut, unreadable)));
    }
    return breaks;
  } finally {
    await session.close();
  }
}

interface PositionColumns {
  readonly topic: string;
  readonly partition: string;
  readonly offset: string;
}
const KAFKA: PositionColumns = { topic: 'topic', partition: 'kafka_partition', offset: 'kafka_offset' };
const LINEAGE: PositionColumns = { topic: '_topic', partition: '_partition', offset: '_offset' };

/**
 * All offsets that bronze holds, and those that were processed and bronze does not hold any more. A hole that is longer than a stretch is
 * one of its own, however long: a lake that begins late on an old topic has billions of offsets below its first event.
 */
function stretchesOf(
  { topic, partition, bronzeNext, processedNext }: PartitionAccount,
  holes: readonly OffsetHole[],
): readonly Stretch[] {
  const long = holes.filter(
    (hole) => hole.topic === topic && hole.partition === partition && hole.toExclusive - hole.from > STRETCH,
  );
  const stretches: Stretch[] = [];
  const end = Math.max(bronzeNext, processedNext);
  for (let from = 0; from < end;) {
    const within = long.find((hole) => hole.from <= from && from < hole.toExclusive);
    const next = Math.min(...long.map((hole) => hole.from).filter((begin) => begin > from), from + STRETCH);
    const toExclusive = Math.min(within?.toExclusive ?? next, end);
    stretches.push({ topic, partition, from, toExclusive, processedNext, isHole: within !== undefined });
    from = toExclusive;
  }
  return stretches;
}

async function filesOf(
  table: Table,
  snapshot: Snapshot,
  stretch: Stretch,
  columns: PositionColumns,
): Promise<readonly DataFile[]> {
  const scan = await table.scan({
    snapshotId: snapshot.id,
    bounds: [
      { column: columns.partition, min: stretch.partition, max: stretch.partition },
      { column: columns.offset, min: stretch.from, max: stretch.toExclusive - 1 },
    ],
  });
  return scan.files;
}

type Named = { readonly off: bigint; readonly what: string | null };

/** A break from the offsets that `sql` (columns `off`, `what`) finds; nothing when it finds none. */
async function breakOf(
  session: DuckSession,
  stretch: Stretch,
  kind: AccountBreak['kind'],
  table: string,
  text: string,
  sql: string,
): Promise<readonly AccountBreak[]> {
  const [counted] = await session.rows<{ n: bigint }>(`SELECT count(*) AS n FROM (${sql})`);
  const count = Number(counted?.n ?? 0n);
  if (count === 0) return [];
  const named = await session.rows<Named>(`SELECT off, what FROM (${sql}) ORDER BY off LIMIT ${MAX_NAMED}`);
  const offsets = named.map(({ off }) => `${stretch.topic}/${stretch.partition}/${off}`);
  const what = [...new Set(named.map((one) => one.what).filter((one) => one !== null))].join(', ');
  return [{ kind, table: what || table, detail: `${count} ${text}`, count, offsets }];
}

async function bronzeBreaks(
  session: DuckSession,
  stretch: Stretch,
  holes: readonly OffsetHole[],
): Promise<readonly AccountBreak[]> {
  const known = holes
    .filter((hole) => hole.topic === stretch.topic && hole.partition === stretch.partition)
    .map((hole) => `AND NOT (off >= ${hole.from} AND off < ${hole.toExclusive})`)
    .join(' ');
  // Its offsets are not even listed.
  const missing = stretch.isHole
    ? null
    : `SELECT off, NULL AS what FROM (SELECT unnest(range(${stretch.from}, ${stretch.toExclusive})) AS off) WHERE off NOT IN (SELECT off FROM b) ${known}`;
  const doubled = `SELECT off, NULL AS what FROM b GROUP BY off HAVING count(*) > 1`;
  return [
    ...(missing === null
      ? []
      : await breakOf(
          session,
          stretch,
          'missing-in-bronze',
          'bronze.events',
          'offsets are not in bronze and no recorded hole',
          missing,
        )),
    ...(await breakOf(session, stretch, 'doubled-in-bronze', 'bronze.events', 'offsets are in bronze more than once', doubled)),
  ];
}

type ReadRows = (
  table: Table,
  snapshot: Snapshot | null,
  state: TableState,
  columns: PositionColumns,
  select: string,
) => Promise<string>;

/** Every processed event of the stretch has exactly one place; every reject has exactly one row in its zone. */
async function placeBreaks(
  session: DuckSession,
  stretch: Stretch,
  cut: AccountCut,
  read: ReadRows,
): Promise<readonly AccountBreak[]> {
  const places: string[] = [];
  const rejects: string[] = [];
  for (const [name, { table, snapshot, state }] of cut.tables) {
    const label = quoteLiteral(name);
    if (name === DISPOSITIONS.name) {
      places.push(
        await read(table, snapshot, state, KAFKA, `kafka_offset AS off, event_id, dataset, ${label} AS place, verdict`),
      );
    } else if (name.startsWith('silver.')) {
      places.push(
        await read(
          table,
          snapshot,
          state,
          LINEAGE,
          `_offset AS off, _event_id AS event_id, ${quoteLiteral(name.slice(7))} AS dataset, ${label} AS place, 'current' AS verdict`,
        ),
      );
    } else {
      const verdict = name === ERROR_EVENTS.name ? 'error' : 'quarantined';
      rejects.push(
        await read(table, snapshot, state, KAFKA, `kafka_offset AS off, ${quoteLiteral(verdict)} AS verdict, ${label} AS place`),
      );
    }
  }
  await session.run(`CREATE OR REPLACE TEMP TABLE places AS ${places.join(' UNION ALL ')}`);
  await session.run(
    `CREATE OR REPLACE TEMP TABLE rejects AS ${rejects.length > 0 ? rejects.join(' UNION ALL ') : "SELECT 0::BIGINT AS off, '' AS verdict, '' AS place WHERE false"}`,
  );
  const processed = `off < ${stretch.processedNext}`;
  const zone = `CASE verdict WHEN 'error' THEN ${quoteLiteral(ERROR_EVENTS.name)} ELSE ${quoteLiteral(QUARANTINE_EVENTS.name)} END`;
  const found = (kind: AccountBreak['kind'], text: string, sql: string): Promise<readonly AccountBreak[]> =>
    breakOf(session, stretch, kind, DISPOSITIONS.name, text, sql);
  return [
    ...(await found(
      'unaccounted',
      'events are in bronze, but neither current in silver nor disposed of',
      `SELECT DISTINCT off, 'silver.' || dataset AS what FROM b WHERE ${processed} AND off NOT IN (SELECT off FROM places)`,
    )),
    ...(await found(
      'doubled',
      'events have more than one place',
      `SELECT off, string_agg(place, ' + ' ORDER BY place) AS what FROM places GROUP BY off HAVING count(*) > 1`,
    )),
    ...(await found(
      'foreign',
      'rows stand for offsets that bronze does not hold',
      `SELECT off, place AS what FROM places WHERE off NOT IN (SELECT off FROM b)`,
    )),
    ...(await found(
      'identity',
      'rows carry another event id or dataset than their event in bronze',
      `SELECT p.off, p.place AS what FROM places p JOIN b USING (off) WHERE p.event_id <> b.event_id OR p.dataset <> b.dataset`,
    )),
    ...(await found(
      'reject-missing',
      'rejected events are not in their zone',
      `SELECT off, ${zone} AS what FROM places WHERE verdict IN ('error', 'quarantined') AND (off, verdict) NOT IN (SELECT (off, verdict) FROM rejects)`,
    )),
    ...(await found(
      'reject-doubled',
      'rows of error zone or quarantine are doubled or have no disposition',
      `SELECT off, any_value(place) AS what FROM rejects r WHERE ${processed} GROUP BY off
       HAVING count(*) > 1 OR NOT bool_or((off, verdict) IN (SELECT (off, verdict) FROM places))`,
    )),
  ];
}
