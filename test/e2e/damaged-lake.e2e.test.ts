/** Whatever is taken from, doubled in or rolled back behind the lake's back, the account names the table and the offsets. */
import { copyFile, cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Account } from '../../src/core/ledger/account.js';
import type { Lakehouse } from '../../src/core/lakehouse.js';
import { scanSql } from '../../src/core/table/scan-sql.js';
import type { DataFile, Table, TableName } from '../../src/core/table/table-api.js';
import { writeDataFiles } from '../../src/core/table/write-data-files.js';
import { isBuilt, runCli } from '../support/cli-process.js';
import { appendMixed, catchUp, CAUGHT_UP, openLake, verify, violentProject } from '../support/violent-project.js';

interface Position {
  readonly topic: string;
  readonly partition: string;
  readonly offset: string;
}
const positionColumns = (name: TableName): Position =>
  name.startsWith('silver.')
    ? { topic: '_topic', partition: '_partition', offset: '_offset' }
    : { topic: 'topic', partition: 'kafka_partition', offset: 'kafka_offset' };

async function tableOf(lake: Lakehouse, name: TableName): Promise<Table> {
  const table = await lake.table(name);
  if (!table) throw new Error(`no ${name}`);
  return table;
}

async function withLake<T>(dir: string, work: (lake: Lakehouse) => Promise<T>): Promise<T> {
  const lake = await openLake(dir);
  try {
    return await work(lake);
  } finally {
    await lake.close();
  }
}

/** Rewrites one data file in place without (or with a second copy of) one of its rows; gives `topic/partition/offset` of the row. */
async function tamper(lake: Lakehouse, name: TableName, how: 'delete' | 'double'): Promise<string> {
  const table = await tableOf(lake, name);
  const { files } = await table.scan();
  const [file] = files.toSorted((a, b) => b.recordCount - a.recordCount) as [DataFile, ...DataFile[]];
  const { topic, partition, offset } = positionColumns(name);
  const session = await lake.duck();
  try {
    const rows = await scanSql((await table.state()).fields, [file], table.store);
    const [victim] = await session.rows<{ place: string; off: bigint }>(
      `SELECT ${topic} || '/' || ${partition} || '/' || ${offset} AS place, ${offset} AS off FROM (${rows}) ORDER BY ${offset} LIMIT 1 OFFSET ${Math.floor(file.recordCount / 2)}`,
    );
    if (!victim) throw new Error(`${name} has no rows`);
    const others = `SELECT * FROM (${rows}) WHERE ${offset} <> ${victim.off}`;
    const [rewritten, ...more] = await writeDataFiles(
      session,
      table,
      how === 'delete' ? others : `SELECT * FROM (${rows}) UNION ALL SELECT * FROM (${rows}) WHERE ${offset} = ${victim.off}`,
      { fileName: (n) => `tampered-${n}` },
    );
    expect(more).toEqual([]);
    await copyFile(fileOf(table, rewritten as DataFile), fileOf(table, file));
    return victim.place;
  } finally {
    await session.close();
  }
}

const fileOf = (table: Table, file: DataFile): string => {
  const local = table.store.keyOf(file.path);
  return path.join(root(table), local);
};
/** The folder of the store: the table's location ends with its own folder. */
const root = (table: Table): string => path.resolve(table.location.replace(/^file:\/\//, ''), '..', '..');

const mentions = (account: Account, table: string, place: string): boolean =>
  account.breaks.some((one) => one.table.includes(table) && one.offsets.includes(place));

describe.skipIf(!isBuilt())('a damaged lake (needs npm run build)', { timeout: 120_000 }, () => {
  let base = '';
  let older: Readonly<Record<string, bigint>> = {};
  beforeAll(async () => {
    base = await violentProject({ events: 150, seed: 21 }, 500, () => mkdtemp(path.join(os.tmpdir(), 'keystone-test-')));
    await catchUp(base);
    older = await withLake(base, async (lake) => {
      const ids: Record<string, bigint> = {};
      for (const name of await lake.tableNames()) {
        const current = (await (await tableOf(lake, name)).state()).currentSnapshot;
        if (current) ids[name] = current.id;
      }
      return ids;
    });
    await appendMixed(base, { events: 60, seed: 22, prefix: 'second-' });
    await catchUp(base);
    expect(await verify(base)).toMatchObject({ closed: true });
    await cp(base, `${base}-saved`, { recursive: true });
    return async () => {
      for (const dir of [base, `${base}-saved`]) await rm(dir, { recursive: true, force: true });
    };
  }, 120_000);

  /** The same folder each time: a lake's metadata holds absolute paths. */
  const undamaged = async (): Promise<string> => {
    await rm(base, { recursive: true, force: true });
    await cp(`${base}-saved`, base, { recursive: true });
    return base;
  };

  const TABLES: readonly TableName[] = [
    'silver.orders',
    'silver.geolocation',
    'bronze.events',
    'ledger.dispositions',
    'quarantine.events',
    'error.events',
  ];

  /** All tables only in the long run. */
  const some = (...names: TableName[]): readonly TableName[] => (process.env['KEYSTONE_SOAK'] === '1' ? TABLES : names);

  it.each(TABLES)('a row deleted from %s is named', async (name) => {
    const dir = await undamaged();
    const place = await withLake(dir, (lake) => tamper(lake, name, 'delete'));
    const account = await verify(dir);
    expect(account.closed).toBe(false);
    expect(account.breaks.filter(({ kind, table }) => kind === 'file' && table === name)).toHaveLength(1);
    // A lost disposition leaves an event without any place: where it should be is what cannot be known.
    expect(mentions(account, name === 'ledger.dispositions' ? '' : name, place), JSON.stringify(account.breaks)).toBe(true);
  });

  it.each(some('silver.orders', 'bronze.events', 'error.events'))('a row doubled in %s is named', async (name) => {
    const dir = await undamaged();
    const place = await withLake(dir, (lake) => tamper(lake, name, 'double'));
    const account = await verify(dir);
    expect(account.closed).toBe(false);
    expect(mentions(account, name, place), JSON.stringify(account.breaks)).toBe(true);
  });

  it.each(some('silver.geolocation', 'bronze.events', 'ledger.dispositions'))(
    'a file removed from %s is named with the offsets it held, for people and for programs',
    async (name) => {
      const dir = await undamaged();
      const file = await withLake(dir, async (lake) => {
        const table = await tableOf(lake, name);
        const [first] = (await table.scan()).files;
        await rm(fileOf(table, first as DataFile));
        return first as DataFile;
      });
      const account = await verify(dir);
      expect(account.closed).toBe(false);
      expect(
        account.breaks.some((one) => one.kind === 'file' && one.table === name && one.detail.includes(path.basename(file.path))),
      ).toBe(true);
      expect(account.breaks.some((one) => one.kind !== 'file' && one.offsets.length > 0)).toBe(true);
      const { code, stdout } = await runCli(['ledger', 'verify', '--deep'], { cwd: dir });
      expect({ code, named: stdout.includes(path.basename(file.path)) }).toEqual({ code: 3, named: true });
    },
  );

  it.each(some('silver.orders', 'ledger.dispositions').filter((name) => name !== 'bronze.events'))(
    'a rollback of %s is reported by quick and deep, and no consumer builds on it',
    async (name) => {
      const dir = await undamaged();
      await withLake(dir, async (lake) => (await tableOf(lake, name)).rollback(older[name] as bigint));
      for (const args of [[], ['--deep']]) {
        const account = await verify(dir, args);
        expect(account.closed).toBe(false);
        expect(account.rolledBack.map(({ table }) => table)).toEqual([name]);
      }
      if (name.startsWith('silver.')) {
        expect((await verify(dir)).breaks.some((one) => one.table.includes(name) && one.offsets.length > 0)).toBe(true);
      }
      await appendMixed(dir, { events: 5, seed: 23, prefix: 'third-' });
      const { code, stdout } = await runCli(['consume', 'run', ...CAUGHT_UP], { cwd: dir });
      expect({ code, error: (JSON.parse(stdout) as { error: unknown }).error }).toMatchObject({
        code: 3,
        error: { code: 'KS_TABLE_CORRUPT' },
      });
    },
  );

  it('a rollback of bronze is reported with its offsets, and landed again from the log', async () => {
    const dir = await undamaged();
    await withLake(dir, async (lake) => (await tableOf(lake, 'bronze.events')).rollback(older['bronze.events'] as bigint));
    for (const args of [[], ['--deep']]) {
      expect((await verify(dir, args)).rolledBack.map(({ table }) => table)).toEqual(['bronze.events']);
    }
    expect((await verify(dir)).breaks.some(({ kind, offsets }) => kind === 'missing-in-bronze' && offsets.length > 0)).toBe(true);
    await catchUp(dir);
    expect(await verify(dir)).toMatchObject({ closed: true, totals: { pending: 0, bronze: 210 } });
  });

  it('a topic that was deleted and made anew is refused and reported', async () => {
    const dir = await undamaged();
    const home = path.join(dir, '.keystone');
    for (const name of await readdir(home)) if (name.startsWith('log.db')) await rm(path.join(home, name));
    for (const args of [CAUGHT_UP, ['--json']]) {
      const { code, stdout } = await runCli(['consume', 'run', ...args], { cwd: dir });
      expect({ code, error: (JSON.parse(stdout) as { error: unknown }).error }).toMatchObject({
        code: 3,
        error: { code: 'KS_LOG_RECREATED' },
      });
    }
    const account = await verify(dir, []);
    expect(account.breaks.some(({ kind }) => kind === 'log-recreated')).toBe(true);
    await appendMixed(dir, { events: 30, seed: 24, prefix: 'anew-' });
    const { code } = await runCli(['consume', 'run', ...CAUGHT_UP], { cwd: dir });
    expect(code).toBe(3);
  });
});
