/** Lakes that come into a bucket from elsewhere, and what the doctor and a watch say of one. */
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { relocateLake } from '../../src/core/care/relocate-lake.js';
import { loadConfig } from '../../src/core/config/load-config.js';
import type { ProfileConfig, ResolvedConfig } from '../../src/core/config/config.js';
import { runConsumer } from '../../src/core/consume/run-consumer.js';
import { runDoctor, type DoctorReport } from '../../src/core/doctor/run-doctor.js';
import { initProject } from '../../src/core/init/init-project.js';
import { watchLag } from '../../src/core/lag/watch-lag.js';
import { openLakehouse, type Lakehouse } from '../../src/core/lakehouse.js';
import { verifyLedger } from '../../src/core/ledger/verify.js';
import { systemEffects } from '../support/effects.js';
import { lakeContents } from '../support/lake-contents.js';
import { mixedEvents } from '../support/mixed-events.js';
import { tempDir } from '../support/temp-dir.js';
import { freshBucket, hasS3, S3_ENV, s3Server } from './s3-server.js';

const signal = new AbortController().signal;
const relocation = { dryRun: false, force: false, progress: () => undefined, signal };

describe.skipIf(!hasS3)('a lake that comes into a bucket', () => {
  const server = s3Server();

  const configOf = async (dir: string, s3: ProfileConfig['store']['s3'] | null): Promise<ResolvedConfig> => {
    const config = await loadConfig({ cwd: dir, env: {}, set: ['ingest.port=0', 'log.partitions=2', 'consume.flushRows=30'] });
    if (s3 === null) return config;
    return { ...config, profile: { ...config.profile, store: { ...config.profile.store, adapter: 's3', s3 } } };
  };
  const open = (config: ResolvedConfig): Lakehouse => {
    const lake = openLakehouse(config, { ...systemEffects(), env: S3_ENV });
    onTestFinished(() => lake.close());
    return lake;
  };
  const consume = async (lake: Lakehouse): Promise<void> => void (await runConsumer(lake, { untilCaughtUp: true, signal }));

  it('is read, verified and gone on with where it lies now, from a folder and from another prefix', async () => {
    const dir = await tempDir();
    await initProject({ dir });
    const config = await configOf(dir, null);
    const folderLake = open(config);
    const { topic } = config.profile.log;
    const send = async (seed: number): Promise<void> => {
      const log = await folderLake.log();
      await log.ensureTopic(topic, 2);
      await log.append(topic, mixedEvents(60, { seed, partitions: 2, prefix: `s${seed}-` }));
    };
    await send(1);
    await consume(folderLake);
    const expected = await lakeContents(folderLake);

    const first = await freshBucket(server(), { prefix: 'first' });
    const inBucket = (prefix: string): string => path.join(server().dataDir, first.bucket ?? '', prefix);
    await cp(config.profile.store.path, inBucket('first'), {
      recursive: true,
      filter: (file) => !file.includes('.keystone-staging'),
    });
    const moved = open(await configOf(dir, first));
    await expect(relocateLake(moved, relocation)).rejects.toMatchObject({
      code: 'KS_USAGE',
      hint: expect.stringContaining('--force'),
    });
    expect(await relocateLake(moved, { ...relocation, force: true })).toMatchObject({
      from: [config.profile.store.path],
      to: `s3://${first.bucket}/first`,
    });
    expect(await lakeContents(moved)).toEqual(expected);

    await cp(inBucket('first'), inBucket('second'), { recursive: true });
    const again = open(await configOf(dir, { ...first, prefix: 'second' }));
    await expect(relocateLake(again, relocation)).rejects.toMatchObject({
      code: 'KS_USAGE',
      message: expect.stringContaining('may still hold a lake'),
    });
    await relocateLake(again, { ...relocation, force: true });
    await send(2);
    await consume(again);
    const account = await verifyLedger(again, { deep: true, signal, onProgress: () => undefined });
    expect(account).toMatchObject({ closed: true });
    expect((await again.table('bronze.events'))?.location).toBe(`s3://${first.bucket}/second/bronze/events`);
    // The one that it was copied from is as it was.
    expect(await lakeContents(moved)).toEqual(expected);

    // A watch goes on while the server is away, and is right again when it is back.
    const options = { topic, group: config.consume.group, intervalMs: 10, windowMs: 60_000, count: 3, signal };
    const seen: boolean[] = [];
    for await (const { stale, error } of watchLag(() => openLakehouse(again.config, again.effects), options)) {
      seen.push(stale);
      if (seen.length === 1) await server().kill();
      if (seen.length === 2) {
        expect(error).toMatchObject({ code: 'KS_STORE' });
        await server().start();
      }
    }
    expect(seen).toEqual([false, true, false]);
  });

  it('is looked at by the doctor: reachable, conditional, readable, or what is wrong', async () => {
    const dir = await tempDir();
    await initProject({ dir });
    const s3 = await freshBucket(server());
    const doctor = (
      changed: Partial<ProfileConfig['store']['s3']>,
      env: Readonly<Record<string, string>> = S3_ENV,
    ): Promise<DoctorReport> =>
      runDoctor({
        effects: { ...systemEffects(), env },
        nodeVersion: 'v20.20.2',
        env,
        project: () => configOf(dir, { ...s3, ...changed }),
      });
    const find = (report: DoctorReport, check: string) => report.checks.find((candidate) => candidate.check === check);
    const sound = await doctor({});
    expect(sound.checks.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(find(sound, 'lake conditional writes')).toMatchObject({ status: 'ok' });
    expect(find(sound, 'lake cache folder')).toMatchObject({ status: 'ok' });
    expect(find(sound, 'lake folder')).toBeUndefined();
    const refused = await doctor({}, { ...S3_ENV, KS_TEST_S3_SECRET: 'wrong-secret' });
    expect(find(refused, 'lake bucket')).toMatchObject({ status: 'failed', code: 'KS_CREDENTIALS' });
    expect(find(refused, 'lake conditional writes')).toMatchObject({ status: 'skipped' });
    expect(refused.exitCode).toBeGreaterThanOrEqual(4);
    expect(JSON.stringify(refused)).not.toContain('wrong-secret');
    const nowhere = await doctor({ bucket: 'not-there' });
    expect(find(nowhere, 'lake bucket')).toMatchObject({
      status: 'failed',
      code: 'KS_STORE',
      found: expect.stringContaining('no bucket'),
    });
  });
});
