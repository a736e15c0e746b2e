/** Tables in Glue: nothing is lost or doubled whatever happens to writers, to Glue, and to its answers. */
import { execFile, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { GetTableCommand, GetTablesCommand, type Table as GlueTable, UpdateTableCommand } from '@aws-sdk/client-glue';
import { describe, expect, it } from 'vitest';
import type { ProfileConfig } from '../../src/core/config/config.js';
import type { ObjectStore } from '../../src/core/store/object-store.js';
import { openFolderCatalog } from '../../src/core/table/folder-catalog.js';
import type { Table } from '../../src/core/table/table-api.js';
import { ensureTable, openTable } from '../../src/core/table/table.js';
import { catalogContract } from '../core/table/catalog.contract.js';
import { ORDERS, bareFile } from '../core/table/orders-table.js';
import { systemEffects } from '../support/effects.js';
import { tempDir } from '../support/temp-dir.js';
import { faultyProxy } from './faulty-proxy.js';
import { glueServer, glueSettings, GLUE_ENV, hasGlue, openTestCatalog, openTestGlue } from './glue-server.js';
import { freshBucket, hasS3, openStore, S3_ENV, s3Server } from './s3-server.js';

const run = promisify(execFile);
const project = path.resolve(import.meta.dirname, '../..');

/** Commits one file after the other, each under a fence of its own topic, with a line for each that was acknowledged; a failed one is tried again. */
const WRITER = `
import { randomBytes } from 'node:crypto';
const [dist, s3, glue, name, commits] = process.argv.slice(2);
const { openS3Store } = await import(dist + '/core/store/s3-store.js');
const { openGlue } = await import(dist + '/core/table/glue/glue-client.js');
const { openGlueCatalog } = await import(dist + '/core/table/glue/glue-catalog.js');
const { openTable } = await import(dist + '/core/table/table.js');
const clock = { nowMs: () => Date.now(), sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)) };
const effects = { clock, randomBytes: (n) => randomBytes(n) };
const store = await openS3Store({ s3: JSON.parse(s3), env: process.env, projectDir: '/', clock });
const client = await openGlue({ glue: JSON.parse(glue), env: process.env, projectDir: '/', ...effects });
const table = await openTable(openGlueCatalog({ glue: client, store, randomBytes: effects.randomBytes, mustProve: true }), store, 'silver.orders', effects);
for (let i = 0; i < Number(commits); ) {
  const file = { path: table.location + '/data/' + name + '-' + i + '.parquet', recordCount: 1, sizeBytes: 1, partition: { purchased_at_day: 1 }, metrics: {}, specId: 0 };
  const fence = { ranges: [{ topic: name, partition: 0, expectedNext: i, endExclusive: i + 1 }] };
  const outcome = await table.commit({ add: [file], fence }).catch((error) => ({ kind: 'failed', error }));
  if (outcome.kind === 'conflict') throw new Error(outcome.reason);
  if (outcome.kind === 'failed') {
    if (!['KS_CATALOG', 'KS_STORE'].includes(outcome.error.code)) throw outcome.error;
    console.error(outcome.error.message);
    // Whoever repeats asks the table first: what was committed is not committed twice.
    continue;
  }
  console.log(name + '-' + i);
  i += 1;
}
client.close();
await store.close();
`;

interface GlueLake {
  readonly s3: ProfileConfig['store']['s3'];
  readonly glue: ProfileConfig['catalog']['glue'];
  readonly store: ObjectStore;
}

describe.skipIf(!hasS3 || !hasGlue)('a catalog in Glue', { timeout: 600_000 }, () => {
  const s3 = s3Server();
  const ministack = glueServer();

  const freshLake = async (endpoint = ministack().endpoint): Promise<GlueLake> => {
    const bucket = await freshBucket(s3());
    return { s3: bucket, glue: glueSettings(endpoint), store: await openStore(bucket) };
  };
  const makeTable = async (lake: GlueLake): Promise<Table> =>
    ensureTable(await openTestCatalog(lake.glue, lake.store), lake.store, ORDERS, systemEffects());
  const metadataFiles = async (lake: GlueLake): Promise<readonly string[]> => {
    const keys: string[] = [];
    for await (const { key } of lake.store.list('silver/orders/metadata/')) if (key.endsWith('.metadata.json')) keys.push(key);
    return keys;
  };
  const writer = async (lake: GlueLake, name: string, commits: number): Promise<readonly string[]> => {
    const script = path.join(await tempDir(), 'writer.mjs');
    await writeFile(script, WRITER);
    return [script, path.join(project, 'dist'), JSON.stringify(lake.s3), JSON.stringify(lake.glue), name, String(commits)];
  };
  const env = { ...process.env, ...S3_ENV, ...GLUE_ENV, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
  const namesIn = async (table: Table): Promise<readonly string[]> =>
    (await table.scan()).files.map((file) => path.basename(file.path, '.parquet')).toSorted();

  catalogContract('Glue', async () => {
    const lake = await freshLake();
    return async () => openTestCatalog(lake.glue, await openStore(lake.s3));
  });

  it('loses none of 200 commits of two racing processes, and leaves no metadata of refused ones', async () => {
    const lake = await freshLake();
    const table = await makeTable(lake);
    const written = await Promise.all(
      ['one', 'two'].map(async (name) => {
        const { stdout } = await run(process.execPath, [...(await writer(lake, name, 100))], { env });
        return stdout.trim().split('\n');
      }),
    );
    expect(written.map((lines) => lines.length)).toEqual([100, 100]);
    expect(await namesIn(table)).toEqual(written.flat().toSorted());
    const state = await table.state();
    expect(state.snapshots).toHaveLength(200);
    expect(state.nextOffsets.get('one')?.get(0)).toBe(100);
    expect(state.nextOffsets.get('two')?.get(0)).toBe(100);
    expect(await metadataFiles(lake)).toHaveLength(201);
  });

  it('keeps every acknowledged commit of processes that are killed in the middle', async () => {
    const lake = await freshLake();
    const table = await makeTable(lake);
    const acknowledged: string[] = [];
    const steady = run(process.execPath, [...(await writer(lake, 'steady', 60))], { env });
    for (let round = 0; round < 5; round++) {
      const victim = spawn(process.execPath, [...(await writer(lake, `victim${round}`, 1000))], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      victim.stdout.on('data', (chunk: Buffer) => acknowledged.push(...chunk.toString().split('\n').filter(Boolean)));
      const ended = new Promise((resolve) => victim.on('close', resolve));
      // Another place of the commit each time.
      await new Promise<void>((resolve) => victim.stdout.once('data', () => setTimeout(resolve, 7 * round)));
      victim.kill('SIGKILL');
      await ended;
    }
    acknowledged.push(...(await steady).stdout.trim().split('\n'));
    const names = await namesIn(table);
    expect(new Set(names).size).toBe(names.length);
    expect(acknowledged.filter((name) => !names.includes(name))).toEqual([]);
    // Of a killed process at most the commit under way is there without an acknowledgement.
    expect(names.length - acknowledged.length).toBeLessThanOrEqual(5);
  });

  it('goes on from a metadata file that was written and never made current', async () => {
    const lake = await freshLake();
    const proxy = await faultyProxy(ministack().endpoint);
    const table = await makeTable(lake);
    // A writer that dies between its metadata file and its swap looks so from outside.
    const cut = { ...lake, glue: { ...lake.glue, endpoint: proxy.endpoint } };
    const dyingArguments = await writer(cut, 'dying', 1);
    let updates = 0;
    proxy.setFault(({ headers }) => {
      if (headers['x-amz-target'] !== 'AWSGlue.UpdateTable') return 'none';
      updates += 1;
      return updates > 2 ? 'hang' : 'none'; // the first two are the probe of VersionIds
    });
    const dying = spawn(process.execPath, [...dyingArguments], { env, stdio: 'ignore' });
    while ((await metadataFiles(lake)).length < 2) await new Promise((wake) => setTimeout(wake, 20));
    dying.kill('SIGKILL');
    await new Promise((resolve) => dying.once('close', resolve));
    expect(await metadataFiles(lake)).toHaveLength(2);

    expect(await table.commit({ add: [bareFile(table, 'next')] })).toMatchObject({ kind: 'committed' });
    expect(await namesIn(table)).toEqual(['next']);
  });

  it.each([['UpdateTable'], ['CreateTable']])('tells its own %s whose answer was lost from that of another', async (action) => {
    const proxy = await faultyProxy(ministack().endpoint);
    const lake = await freshLake(proxy.endpoint);
    let lost = 0;
    proxy.setFault(({ headers }) => {
      if (headers['x-amz-target'] !== `AWSGlue.${action}`) return 'none';
      lost += 1;
      return lost % 2 === 1 ? 'lose' : 'none';
    });
    const table = await makeTable(lake);
    for (let n = 0; n < 5; n++)
      expect(await table.commit({ add: [bareFile(table, `file-${n}`)] })).toMatchObject({ kind: 'committed' });
    expect(lost).toBeGreaterThan(0);
    expect(await namesIn(table)).toEqual([0, 1, 2, 3, 4].map((n) => `file-${n}`));
    expect((await table.state()).snapshots).toHaveLength(5);
    expect(await metadataFiles(lake)).toHaveLength(6);
  });

  it('tells its own commit although another one came on top of it before the answer was lost', async () => {
    const proxy = await faultyProxy(ministack().endpoint);
    const lake = await freshLake();
    const other = await makeTable(lake);
    const mine = await openTable(
      await openTestCatalog({ ...lake.glue, endpoint: proxy.endpoint }, lake.store),
      lake.store,
      'silver.orders',
      systemEffects(),
    );
    if (!mine) throw new Error('there is no table');
    await mine.commit({ add: [bareFile(mine, 'first')] });
    let isLost = false;
    proxy.setFault(({ headers }) => {
      if (headers['x-amz-target'] !== 'AWSGlue.UpdateTable' || isLost) return 'none';
      isLost = true;
      return 'lose';
    });
    const [outcome] = await Promise.all([
      mine.commit({ add: [bareFile(mine, 'mine')] }),
      (async () => {
        while (!(await namesIn(other)).includes('mine')) await new Promise((wake) => setTimeout(wake, 5));
        await other.commit({ add: [bareFile(other, 'on-top')] });
      })(),
    ]);
    expect(outcome).toMatchObject({ kind: 'committed' });
    expect(await namesIn(other)).toEqual(['first', 'mine', 'on-top']);
  });

  it('comes through a Glue that is down and back in the middle of commits', async () => {
    const lake = await freshLake();
    const table = await makeTable(lake);
    const child = spawn(process.execPath, [...(await writer(lake, 'busy', 150))], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const acknowledged: string[] = [];
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => acknowledged.push(...chunk.toString().split('\n').filter(Boolean)));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    for (const enough of [10, 60, 110]) {
      while (acknowledged.length < enough && child.exitCode === null) await new Promise((wake) => setTimeout(wake, 5));
      await ministack().shutdown();
      await new Promise((wake) => setTimeout(wake, 300));
      await ministack().start();
    }
    expect(await ended, said).toBe(0);
    expect(acknowledged).toHaveLength(150);
    expect(await namesIn(table)).toEqual(acknowledged.toSorted());
  });

  it('says that Glue is away, without its secrets', async () => {
    const proxy = await faultyProxy(ministack().endpoint);
    const lake = await freshLake(proxy.endpoint);
    const table = await makeTable(lake);
    proxy.setFault(() => ({ status: 400, code: 'x' }));
    await expect(table.state()).rejects.toMatchObject({ code: 'KS_CATALOG' });
    proxy.setFault(() => ({ status: 403, code: 'AccessDenied' }));
    const refused = await table.state().catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({ code: 'KS_CREDENTIALS' });
    expect(JSON.stringify([String(refused), refused])).not.toContain(GLUE_ENV.KS_TEST_GLUE_SECRET);
  });

  it.each([
    ['throttled', { status: 400, code: 'ThrottlingException' }],
    ['failing', { status: 500, code: 'InternalServiceException' }],
    ['changing the table itself', { status: 400, code: 'ConcurrentModificationException' }],
  ])('commits once while Glue is %s', async (_, fault) => {
    const proxy = await faultyProxy(ministack().endpoint);
    const lake = await freshLake(proxy.endpoint);
    const table = await makeTable(lake);
    await table.commit({ add: [bareFile(table, 'first')] });
    let refused = 0;
    proxy.setFault(({ headers }) => {
      if (headers['x-amz-target'] !== 'AWSGlue.UpdateTable' || refused >= 2) return 'none';
      refused += 1;
      return fault;
    });
    expect(await table.commit({ add: [bareFile(table, 'second')] })).toMatchObject({ kind: 'committed' });
    expect(refused).toBe(2);
    expect(await namesIn(table)).toEqual(['first', 'second']);
    expect(await metadataFiles(lake)).toHaveLength(3);
  });

  it('takes no answer but "not found" for a table that is not there', async () => {
    const proxy = await faultyProxy(ministack().endpoint);
    const lake = await freshLake(proxy.endpoint);
    await makeTable(lake);
    const catalog = await openTestCatalog(lake.glue, lake.store);
    for (const code of ['NotFound', 'ResourceNotFoundException', '']) {
      proxy.setFault(() => ({ status: 404, code }));
      await expect(catalog.load('silver.orders')).rejects.toMatchObject({ code: 'KS_CATALOG' });
    }
    proxy.setFault(() => 'none');
    expect(await catalog.load('silver.sellers')).toBeNull();
  });

  it('does not call a lake empty whose place is set wrong, and tells strangers among its tables', async () => {
    const lake = await freshLake();
    await makeTable(lake);
    const misplaced = await openStore({ ...lake.s3, prefix: 'elsewhere' });
    const catalog = await openTestCatalog(lake.glue, misplaced);
    await expect(catalog.tableNames()).rejects.toMatchObject({
      code: 'KS_STORE',
      message: expect.stringMatching(/^silver\.orders lies outside the lake: .* names s3:/),
      hint: expect.stringContaining('elsewhere'),
    });
    const sellers = { ...ORDERS, name: 'silver.sellers' } as const;
    await ensureTable(catalog, misplaced, sellers, systemEffects());
    expect(await catalog.tableNames()).toEqual(['silver.sellers']);
    expect(await catalog.outside?.()).toEqual([expect.objectContaining({ name: 'silver.orders' })]);
  });

  it('refuses to commit where stale versions are not refused', async () => {
    const proxy = await faultyProxy(ministack().endpoint);
    const lake = await freshLake(proxy.endpoint);
    const table = await makeTable(lake);
    proxy.setFault(({ headers }) => (headers['x-amz-target'] === 'AWSGlue.UpdateTable' ? 'pretend' : 'none'));
    await expect(table.commit({ add: [bareFile(table, 'x')] })).rejects.toMatchObject({
      code: 'KS_CATALOG',
      message: expect.stringContaining('stale VersionId'),
    });
    const glue = await openTestGlue({ ...lake.glue, endpoint: ministack().endpoint });
    const tables = await glue.send('look', (client) =>
      client.send(new GetTablesCommand({ DatabaseName: glue.database('silver') })),
    );
    expect(tables.TableList?.map((one) => one.Name)).toEqual(['orders']); // the probe is gone
  });

  it('does not begin a table anew that Glue forgot, or that a folder catalog made', async () => {
    const lake = await freshLake();
    const table = await makeTable(lake);
    await table.commit({ add: [bareFile(table, 'one')] });
    const elsewhere = { ...lake, glue: glueSettings(ministack().endpoint) };
    await expect(makeTable(elsewhere)).rejects.toMatchObject({
      code: 'KS_CATALOG',
      message: expect.stringContaining('says that there was one'),
    });
    const folder = await freshLake();
    await ensureTable(openFolderCatalog(folder.store), folder.store, ORDERS, systemEffects());
    await expect(makeTable(folder)).rejects.toMatchObject({ code: 'KS_CATALOG' });
  });

  it('writes columns with their comments, and keeps what other engines wrote about the table', async () => {
    const lake = await freshLake();
    const described = {
      ...ORDERS,
      fields: ORDERS.fields.map((field) => (field.name === 'price' ? { ...field, doc: 'What was paid,\n in reais' } : field)),
      properties: { ...ORDERS.properties, comment: 'Orders of the shop' },
    };
    const table = await ensureTable(await openTestCatalog(lake.glue, lake.store), lake.store, described, systemEffects());
    const glue = await openTestGlue(lake.glue);
    const at = { DatabaseName: glue.database('silver'), Name: 'orders' };
    const look = async () => (await glue.send('look', (client) => client.send(new GetTableCommand(at)))).Table;
    const first = await look();
    expect(first).toMatchObject({
      Description: 'Orders of the shop',
      TableType: 'EXTERNAL_TABLE',
      Parameters: {
        table_type: 'ICEBERG',
        metadata_location: expect.stringMatching(/\/metadata\/00000-[0-9a-f-]{36}\.metadata\.json$/),
      },
      StorageDescriptor: {
        Location: table.location,
        Columns: [
          { Name: 'order_id', Type: 'string', Parameters: { 'iceberg.field.id': '1', 'iceberg.field.optional': 'false' } },
          { Name: 'purchased_at', Type: 'timestamp' },
          { Name: 'price', Type: 'decimal(12,2)', Comment: 'What was paid, in reais' },
          { Name: 'items', Type: 'int' },
        ],
      },
    });
    await glue.send('mark', (client) =>
      client.send(
        new UpdateTableCommand({
          DatabaseName: at.DatabaseName,
          TableInput: { ...pick(first), Parameters: { ...first?.Parameters, 'made.by': 'a crawler' } },
        }),
      ),
    );
    await table.commit({ add: [bareFile(table, 'one')] });
    const after = await look();
    expect(after?.Parameters).toMatchObject({
      'made.by': 'a crawler',
      previous_metadata_location: first?.Parameters?.['metadata_location'],
      metadata_location: expect.stringMatching(/\/metadata\/00001-/),
    });
  });
});

const pick = (table: GlueTable | undefined) => ({
  Name: table?.Name,
  StorageDescriptor: table?.StorageDescriptor,
  TableType: table?.TableType,
});
