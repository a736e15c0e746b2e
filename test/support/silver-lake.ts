/** A temporary lake with the shipped contracts and models, whose silver tables a test fills by hand. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { keystoneConfig, type ResolvedConfig } from '../../src/core/config/config.js';
import { type Lakehouse, openLakehouse } from '../../src/core/lakehouse.js';
import { silverTable } from '../../src/core/silver/silver-table.js';
import { writeDataFiles } from '../../src/core/table/write-data-files.js';
import { systemEffects } from './effects.js';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** `overrides`: folders to use instead of the shipped ones. `atEnd` registers the clean-up (a lake for many tests: in `afterAll`). `folder`: the project's, below the temporary one. */
export async function silverLake(
  overrides: Partial<Pick<ResolvedConfig, 'contracts' | 'models'>> = {},
  atEnd: (cleanUp: () => Promise<void>) => void = onTestFinished,
  folder = '',
): Promise<Lakehouse> {
  const temporary = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
  const projectDir = path.join(temporary, folder);
  const { profiles, ...config } = keystoneConfig.parse({});
  const profile = profiles['local'];
  if (!profile) throw new Error('the default configuration has no profile "local"');
  const inside = <Part extends { readonly path: string }>(part: Part): Part => ({
    ...part,
    path: path.join(projectDir, part.path),
  });
  const lakehouse = openLakehouse(
    {
      ...config,
      contracts: path.join(ROOT, 'templates/contracts'),
      models: path.join(ROOT, 'templates/models'),
      ...overrides,
      profileName: 'local',
      profile: { ...profile, log: inside(profile.log), store: inside(profile.store), state: inside(profile.state) },
      projectDir,
      configPath: path.join(projectDir, 'keystone.yaml'),
    },
    systemEffects(),
  );
  atEnd(async () => {
    await lakehouse.close();
    await rm(temporary, { recursive: true, force: true });
  });
  return lakehouse;
}

let commits = 0;

/** Commits the rows of `sql` (columns by name, missing ones null) to `silver.<dataset>`; `replace`: instead of all its rows. */
export async function putSilver(lakehouse: Lakehouse, dataset: string, sql: string, replace = false): Promise<void> {
  const contract = (await lakehouse.contracts()).get(dataset);
  if (!contract) throw new Error(`no contract ${dataset}`);
  const table = await lakehouse.ensureTable(silverTable(contract));
  const session = await lakehouse.duck();
  try {
    const given = await session.rows<{ column_name: string }>(`DESCRIBE ${sql}`);
    const missing = contract.columns.filter((column) => !given.some((row) => row.column_name === column.name));
    const date = contract.partition?.column;
    const before = replace ? (await table.scan()).files : [];
    commits += 1;
    const commit = commits;
    const add = await writeDataFiles(
      session,
      table,
      `SELECT *${missing.map((column) => `, NULL AS "${column.name}"`).join('')},
         'test' AS _topic, 0 AS _partition, ${commit * 1_000_000} + row_number() OVER () AS _offset, uuid()::VARCHAR AS _event_id,
         TIMESTAMP '2020-01-01' AS _log_time
         ${date ? `, year("${date}") AS year, month("${date}") AS month, day("${date}") AS day` : ''} FROM (${sql})`,
      { fileName: (n) => `test-${process.pid}-${commit}-${n}` },
    );
    const outcome = await table.commit({ add, remove: before.map((file) => file.path) });
    if (outcome.kind !== 'committed') throw new Error(outcome.reason);
  } finally {
    await session.close();
  }
}

/** All rows of a query, JSON-safe. */
export async function rowsOf(lakehouse: Lakehouse, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return (await (await lakehouse.engine()).query(sql)).rows;
}
