/** A moment of a lake as Keystone itself tells it, and the same moment as each of the foreign readers finds it. */
import { expect } from 'vitest';
import { describeTable, type TableDescription } from '../../src/core/table/describe-table.js';
import { runCli } from '../support/cli-process.js';
import { openLake } from '../support/violent-project.js';
import { askPython } from './ask-python.js';
import { icebirdFingerprints, type TableRequest } from './icebird.js';
import { fingerprintSql, type Grain, type TableFingerprint } from './table-fingerprint.js';

export type Fingerprints = Readonly<Record<string, TableFingerprint>>;

export interface Moment {
  /** An SQL name. */
  readonly label: string;
  /** By name, as Keystone has it. */
  readonly tables: ReadonlyMap<string, TableDescription>;
  /** What `keystone query` answers, by the names that the readers are asked by. */
  readonly fingerprints: Readonly<Record<Grain, Fingerprints>>;
}

/** Runs one command, which has to end well. */
export async function keystone<Result>(dir: string, ...args: readonly string[]): Promise<Result> {
  const { code, stdout, stderr } = await runCli([...args, '--json'], { cwd: dir });
  expect(code, `keystone ${args.join(' ').slice(0, 200)}\n${stdout.slice(-3000)}\n${stderr.slice(-3000)}`).toBe(0);
  return (JSON.parse(stdout) as { result: Result }).result;
}

const GRAINS: readonly Grain[] = ['exact', 'coarse'];

export async function lookAt(dir: string, label: string, names: readonly string[]): Promise<Moment> {
  const tables = new Map<string, TableDescription>();
  const lake = await openLake(dir);
  for (const name of names) tables.set(name, await describeTable(lake, name));
  await lake.close();
  const selects = GRAINS.map((grain) => `SELECT '${grain}' AS grain, * FROM (${fingerprintSql([...tables.values()], grain)})`);
  type Row = Readonly<{ grain: Grain; name: string; fingerprint: string }>;
  const { rows } = await keystone<{ rows: readonly Row[] }>(dir, 'query', selects.join(' UNION ALL '));
  const ofGrain = (grain: Grain): Fingerprints =>
    Object.fromEntries(
      rows
        .filter((row) => row.grain === grain)
        .map((row) => [requestName(label, row.name), JSON.parse(row.fingerprint) as TableFingerprint]),
    );
  return { label, tables, fingerprints: { exact: ofGrain('exact'), coarse: ofGrain('coarse') } };
}

const requestName = (label: string, table: string): string => `${label}.${table.replace('.', '_')}`;

/** The moment itself, or found from `now` on, by time travel. */
export function requests(moment: Moment, now?: Moment): readonly TableRequest[] {
  return [...moment.tables].map(([name, table]) => ({
    name: requestName(moment.label, name),
    columns: table.columns,
    metadata: (now?.tables.get(name) ?? table).metadataLocation,
    snapshotId: now === undefined ? null : table.currentSnapshotId,
  }));
}

/** What Keystone said of each of the moments. */
export const said = (moments: readonly Moment[], grain: Grain = 'exact'): Fingerprints =>
  Object.assign({}, ...moments.map(({ fingerprints }) => fingerprints[grain])) as Fingerprints;

export const byPyiceberg = (asked: readonly TableRequest[]): Promise<Fingerprints> => askPython('fingerprint.py', asked);

/** Null where the extension does not exist for this platform. */
export async function byDuckDb(asked: readonly TableRequest[]): Promise<Fingerprints | null> {
  type Answer = readonly (readonly [name: string, fingerprint: string])[] | null;
  const rows = await askPython<Answer>('duckdb_iceberg.py', { tables: asked, sql: fingerprintSql(asked) });
  return rows && Object.fromEntries(rows.map(([name, text]) => [name, JSON.parse(text) as TableFingerprint]));
}

export const byIcebird = (asked: readonly TableRequest[]): Promise<Fingerprints> => icebirdFingerprints(asked);
