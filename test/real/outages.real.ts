/**
 * S3 that answers badly, S3 and PostgreSQL that are killed and come back, under load from real processes: every acknowledged event ends up
 * exactly once in bronze, and the account closes. KEYSTONE_SOAK_SECONDS says how long S3 answers badly.
 */
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ingestionV1Methods } from '../../src/core/ingest/grpc/ingest-services.js';
import { loadConfig } from '../../src/core/config/load-config.js';
import { openLakehouse } from '../../src/core/lakehouse.js';
import { installPostgres, startPostgres, type PostgresServer } from '../services/postgres.js';
import { isBuilt, runCli, startCli, type CliProcess } from '../support/cli-process.js';
import { systemEffects } from '../support/effects.js';
import { callBytes, wireEvent } from '../support/ingest-door.js';
import { seededRandom } from '../support/mixed-events.js';
import { tempDir } from '../support/temp-dir.js';
import { faultyProxy, type Fault } from './faulty-proxy.js';
import { freshBucket, hasS3, openStore, S3_ENV, s3Server } from './s3-server.js';

const bin = await installPostgres();
const SOAK_MS = Number(process.env['KEYSTONE_SOAK_SECONDS'] ?? 15) * 1000;
/** Row 26 of what was promised: the share of writes to S3 that succeed while the network is bad. */
const PROMISED_SUCCESS = 0.999;
/** Seconds on a machine of its own, minutes on one that is shared: conditions end the waits, this only a hang. */
const PATIENCE_MS = 600_000;
const SIDES = 4;
const EVENTS_A_CALL = 5;

/** A server and a consumer under load; both are killed at the end, whatever happens. */
interface Running {
  /** Ids that were acknowledged so far. */
  readonly acked: readonly string[];
  readonly consumer: CliProcess;
  /** Ends the load and the processes in good order, catches up, and judges. */
  judge(): Promise<void>;
  /** Resolves once the consumer has landed this many more events. */
  lands(more: number): Promise<void>;
}

describe.skipIf(bin === null || !hasS3 || !isBuilt())('a lake whose services go away', { timeout: 2 * PATIENCE_MS }, () => {
  const s3 = s3Server();
  let postgres: PostgresServer;
  let databases = 0;
  beforeAll(async () => {
    postgres = await startPostgres(bin!);
  });
  afterAll(() => postgres?.remove());

  async function underLoad(endpoint = s3().endpoint): Promise<Running> {
    const cwd = await tempDir();
    const bucket = await freshBucket(s3(), { endpoint, cache: '.keystone/cache' });
    const database = `outages${(databases += 1)}`;
    await postgres.sql('postgres', `CREATE DATABASE ${database}`);
    const env = { ...S3_ENV, STATE_URL: postgres.url(database) };
    await cp(path.resolve('templates/contracts'), path.join(cwd, 'contracts'), { recursive: true });
    const local = {
      log: { partitions: 3 },
      store: { adapter: 's3', s3: bucket },
      state: { adapter: 'postgres', postgres: { url: 'env:STATE_URL' } },
    };
    await writeFile(
      path.join(cwd, 'keystone.yaml'),
      `version: 1\nconsume: { leaseTtl: 5s, flushInterval: 300ms }\nprofiles: ${JSON.stringify({ local })}\n`,
    );
    const start = (...args: readonly string[]): CliProcess => {
      const child = startCli(args, { cwd, env });
      onTestFinished(async () => {
        child.child.kill('SIGKILL');
        await child.ended;
      });
      return child;
    };
    const server = start('ingest', 'serve', '--port', '0');
    await expect.poll(() => server.stdout(), { timeout: PATIENCE_MS }).toMatch(/Listening on \S+:\d+,/);
    const address = /Listening on (\S+),/.exec(server.stdout())?.[1] ?? '';
    const consumer = start('consume', 'run');

    const acked: string[] = [];
    let isOver = false;
    const side = async (n: number): Promise<void> => {
      const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
      const { path: method, requestSerialize, responseDeserialize } = ingestionV1Methods.SendEventBatch;
      for (let call = 0; !isOver; call++) {
        const events = Array.from({ length: EVENTS_A_CALL }, (_, at) =>
          wireEvent({
            eventId: `s${n}-${call}-${at}`,
            dataset: 'orders',
            payload: Buffer.from(`{"order_id":"${n}-${call}-${at}"}`),
          }),
        );
        const answer = await callBytes(client, method, requestSerialize(events));
        if (answer instanceof Buffer) {
          const results = responseDeserialize(answer);
          for (const result of results.kind === 'message' ? results.message : [])
            if (result.kind === 'receipt') acked.push(result.receipt.eventId);
        }
        await delay(150);
      }
      client.close();
    };
    const load = Promise.all(Array.from({ length: SIDES }, (_, n) => side(n)));

    const landed = async (): Promise<number> => {
      const lake = openLakehouse(await loadConfig({ cwd, env }), { ...systemEffects(), env });
      try {
        const state = await (await lake.table('bronze.events'))?.state();
        const next = state?.nextOffsets.get('olist-enterprise-events')?.values() ?? [];
        return [...next].reduce((sum, offset) => sum + offset, 0);
      } finally {
        await lake.close();
      }
    };
    return {
      acked,
      consumer,
      lands: async (more) => {
        const before = await landed().catch(() => 0);
        await expect
          .poll(() => landed().catch(() => 0), { timeout: PATIENCE_MS, interval: 500 })
          .toBeGreaterThanOrEqual(before + more);
      },
      judge: async () => {
        isOver = true;
        await load;
        server.child.kill('SIGTERM');
        consumer.child.kill('SIGINT');
        expect((await server.ended).code, server.stderr()).toBe(0);
        const ended = await consumer.ended;
        expect([0, 130], ended.stderr).toContain(ended.code);
        const caughtUp = await runCli(['consume', 'run', '--until-caught-up', '--json'], { cwd, env });
        expect(caughtUp, caughtUp.stderr + caughtUp.stdout).toMatchObject({ code: 0 });
        const verified = await runCli(['ledger', 'verify', '--deep', '--json'], { cwd, env });
        expect(verified, verified.stderr + verified.stdout).toMatchObject({ code: 0 });
        expect(JSON.parse(verified.stdout)).toMatchObject({ result: { closed: true } });
        const lake = openLakehouse(await loadConfig({ cwd, env }), { ...systemEffects(), env });
        const { rows } = await (
          await lake.engine()
        ).query('SELECT event_id, count(*) AS n FROM bronze.events GROUP BY event_id', {
          maxRows: 10_000_000,
        });
        await lake.close();
        const times = new Map(rows.map(({ event_id, n }) => [String(event_id), Number(n)]));
        expect(acked.length).toBeGreaterThan(0);
        expect(acked.filter((id) => times.get(id) !== 1)).toEqual([]);
        process.stderr.write(`  ${acked.length} events acknowledged, each once in bronze; the account closes\n`);
      },
    };
  }

  it('keeps every event while S3 answers 500 and 503, slowly, or not at all', async () => {
    const proxy = await faultyProxy(s3().endpoint);
    const running = await underLoad(proxy.endpoint);
    await running.lands(1);
    const random = seededRandom(7);
    const faults: readonly (readonly [number, Fault])[] = [
      [0.03, { status: 500, code: 'InternalError' }],
      [0.04, { status: 503, code: 'SlowDown' }],
      [0.03, 'reset'],
      [0.02, 'lose'],
      [0.02, 'slow'],
    ];
    let faulty = 0;
    proxy.setFault(() => {
      let left = random();
      for (const [share, fault] of faults) {
        if (left < share) {
          faulty += 1;
          return fault;
        }
        left -= share;
      }
      return 'none';
    });
    const store = await openStore(await freshBucket(s3(), { endpoint: proxy.endpoint }));
    const endsAtMs = Date.now() + SOAK_MS;
    let [written, refused] = [0, 0];
    const writer = async (side: number): Promise<void> => {
      for (let n = 0; Date.now() < endsAtMs; n++)
        await store.put(`w/${side}/${n}`, Buffer.alloc(1000)).then(
          () => (written += 1),
          () => (refused += 1),
        );
    };
    await Promise.all(Array.from({ length: 8 }, (_, side) => writer(side)));
    proxy.setFault(() => 'none');
    const success = written / (written + refused);
    process.stderr.write(
      `  ${faulty} of ${proxy.seen.length} requests went wrong in ${SOAK_MS / 1000} s; ${written} of ${written + refused} writes succeeded: ${(success * 100).toFixed(3)} % (promised ${PROMISED_SUCCESS * 100} %)\n`,
    );
    expect(faulty).toBeGreaterThan(20);
    // One lost write of a few hundred is luck of the draw; more are not.
    expect(refused).toBeLessThanOrEqual(Math.max(1, (written + refused) * (1 - PROMISED_SUCCESS)));
    await running.lands(1);
    await running.judge();
  });

  it('goes on when S3 was killed and came back', async () => {
    const running = await underLoad();
    await running.lands(1);
    for (const awayMs of [500, 4000]) {
      await s3().kill();
      await delay(awayMs);
      await s3().start();
      await running.lands(1);
    }
    expect(running.consumer.child.exitCode).toBeNull();
    await running.judge();
  });

  it('goes on when PostgreSQL was started anew, and when it was killed', async () => {
    const running = await underLoad();
    await running.lands(1);
    for (const how of ['fast', 'kill'] as const) {
      await postgres.stop(how);
      await delay(how === 'fast' ? 500 : 3000);
      await postgres.start();
      await running.lands(1);
    }
    expect(running.consumer.child.exitCode).toBeNull();
    await running.judge();
  });
});
