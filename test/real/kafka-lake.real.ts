/** The whole way over Kafka, by the command line: in, through the tables, and accounted for; brokers killed under it. */
import { existsSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openEmbeddedLog } from '../../src/core/log/embedded-log.js';
import type { EventLog } from '../../src/core/log/event-log.js';
import { ingestionV1Methods } from '../../src/core/ingest/grpc/ingest-services.js';
import { isBuilt, runCli, startCli, type CliEnd, type CliProcess } from '../support/cli-process.js';
import { systemEffects } from '../support/effects.js';
import { sendOne } from '../support/ingest-door.js';
import { lakeContents } from '../support/lake-contents.js';
import { mixedEvents } from '../support/mixed-events.js';
import { tempDir } from '../support/temp-dir.js';
import { openLake, pause, verify, violentProject } from '../support/violent-project.js';
import { freshTopic, hasKafka, kafkaServer, openLog } from './kafka-server.js';

const FLUSH_ROWS = 1000;
const SMALL = `consume:\n  leaseTtl: 2s\n  flushRows: ${FLUSH_ROWS}\n  flushInterval: 200ms\n`;

const settings = (brokers: string, topic: string): string =>
  `version: 1\n${SMALL}profiles:\n  local:\n    log:\n      adapter: kafka\n      topic: ${topic}\n      partitions: 3\n      kafka: { brokers: "${brokers}" }\n`;

async function kafkaProject(brokers: string, topic: string): Promise<string> {
  const dir = await tempDir();
  await writeFile(path.join(dir, 'keystone.yaml'), settings(brokers, topic));
  await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
  return dir;
}

async function json<T>(dir: string, args: readonly string[]): Promise<T> {
  const end = await runCli([...args, '--json'], { cwd: dir });
  expect(end, `${args.join(' ')}: ${end.stderr}${end.stdout}`).toMatchObject({ code: 0 });
  return (JSON.parse(end.stdout) as { result: T }).result;
}

function started(args: readonly string[], dir: string): CliProcess {
  const running = startCli(args, { cwd: dir });
  onTestFinished(async () => {
    running.child.kill('SIGKILL');
    await running.ended;
  });
  return running;
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries++) {
    if (tries > 2400) throw new Error('it does not come');
    await pause(50);
  }
}

/** All but the times at which the logs took the events. */
async function contentsWithoutTimes(dir: string): Promise<Awaited<ReturnType<typeof lakeContents>>> {
  const lake = await openLake(dir);
  const contents = await lakeContents(lake, ['_log_time', 'log_time']);
  await lake.close();
  return contents;
}

const ended = async (running: CliProcess): Promise<CliEnd> => {
  running.child.kill('SIGTERM');
  return running.ended;
};

const CSV = `customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n${Array.from(
  { length: 300 },
  (_, n) => `${n.toString(16).padStart(32, '0')},${(n % 200).toString(16).padStart(32, 'a')},0${1000 + n},sao paulo,SP`,
).join('\n')}\n`;

describe.skipIf(!hasKafka || !isBuilt())('a lake over Kafka (needs npm run build)', () => {
  const kafka = kafkaServer();

  it('takes files and single events, builds, replays, measures its lag, and its account closes', async () => {
    const topic = freshTopic('way');
    const dir = await kafkaProject(kafka().brokers, topic);
    expect((await runCli(['doctor'], { cwd: dir })).stdout).toContain('answers; topic');
    await writeFile(path.join(dir, 'olist_customers_dataset.csv'), CSV);
    await json(dir, ['ingest', 'csv', 'olist_customers_dataset.csv']);
    await json(dir, ['consume', 'run', '--until-caught-up']);
    expect(await verify(dir)).toMatchObject({ closed: true, totals: { bronze: 300, pending: 0 } });

    await json(dir, ['ingest', 'replay', 'topic', '--as-new', '--limit', '120']);
    const lag = await json<{ partitions: readonly { lagEvents: number; committedOffset: number | null }[] }>(dir, [
      'lag',
      'show',
    ]);
    expect(lag.partitions.map(({ lagEvents }) => lagEvents).reduce((a, b) => a + b)).toBe(120);
    expect(lag.partitions.map(({ committedOffset }) => committedOffset ?? 0).reduce((a, b) => a + b)).toBe(300);
    const watch = started(['lag', 'watch', '--json'], dir);
    await until(() => watch.stdout().includes('"lagEvents":120'));
    await json(dir, ['consume', 'run', '--until-caught-up']);
    await until(() => /"total":\{[^}]*"lagEvents":0/.test(watch.stdout()));
    await ended(watch);
    expect(await verify(dir)).toMatchObject({ closed: true, totals: { bronze: 420, pending: 0 } });
    expect((await runCli(['doctor'], { cwd: dir })).stdout).toContain(`topic ${topic}: 420 events in 3 partitions`);
  });

  it('is the same lake as that of the embedded log, row for row', async () => {
    const topic = 'olist-enterprise-events';
    const over = await kafkaProject(kafka().brokers, topic);
    const embedded = await violentProject({ events: 0, seed: 0 }, FLUSH_ROWS);
    const { clock } = systemEffects();
    const logs: readonly EventLog[] = [
      await openLog({ brokers: kafka().brokers }),
      await openEmbeddedLog({ path: path.join(embedded, '.keystone', 'log.db'), clock }),
    ];
    for (const log of logs) expect(await log.ensureTopic(topic, 3)).toBe(3);
    // One after the other, so that both logs have them at different times, in the same order: versions go by it.
    for (const event of mixedEvents(600, { seed: 21, partitions: 3 })) {
      for (const log of logs) await log.append(topic, [event]);
      await delay(2);
    }
    await logs[1]!.close();
    for (const dir of [embedded, over]) await json(dir, ['consume', 'run', '--until-caught-up']);
    expect(await contentsWithoutTimes(over)).toEqual(await contentsWithoutTimes(embedded));
  });

  it(
    'keeps each acknowledged event once while the broker is killed under the server and the consumer',
    { timeout: 240_000 },
    async () => {
      const topic = freshTopic('load');
      const dir = await kafkaProject(kafka().brokers, topic);
      const server = started(['ingest', 'serve', '--port', '0', '--json'], dir);
      await until(() => server.stderr().includes('"listening"'));
      const address = /"address":"([^"]+)"/.exec(server.stderr())![1]!;
      const consumer = started(['consume', 'run'], dir);
      // Who starts while the broker is away is told so within seconds; this is about who has met it.
      await until(() => existsSync(path.join(dir, 'lake')));
      const acked: string[] = [];
      let failed = 0;
      let stopped = false;
      const side = async (name: number): Promise<void> => {
        const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
        for (let n = 0; !stopped; n++) {
          const eventId = `${name}-${n}`;
          const payload = Buffer.from(JSON.stringify({ order_id: eventId, n }));
          const answer = await sendOne(client, { eventId, payload, dataset: 'orders' });
          const result = answer instanceof Error ? null : ingestionV1Methods.SendEvent.responseDeserialize(answer);
          if (result?.kind === 'message') acked.push(eventId);
          else failed += 1;
          await delay(3);
        }
        client.close();
      };
      const sides = Promise.all(Array.from({ length: 12 }, (_, n) => side(n)));
      for (let kill = 0; kill < 3; kill++) {
        await delay(2000);
        await kafka().kill();
        await delay(1000);
        await kafka().start();
      }
      await delay(1500);
      stopped = true;
      await sides;
      expect([server.child.exitCode, consumer.child.exitCode, consumer.stderr()]).toEqual([null, null, expect.any(String)]);
      expect(await ended(server)).toMatchObject({ code: 0 });
      // It may have ended with events in its spool.
      await json(dir, ['ingest', 'spool', 'drain']);
      await ended(consumer);
      await json(dir, ['consume', 'run', '--until-caught-up']);
      const { stdout } = await runCli(
        ['query', 'SELECT event_id, count(*) AS n FROM bronze.events GROUP BY event_id', '--output', 'ndjson'],
        { cwd: dir },
      );
      const found = new Map(
        stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { event_id: string; n: number })
          .map(({ event_id: id, n }) => [id, n]),
      );
      expect(acked.length).toBeGreaterThan(200);
      expect({ acked: acked.filter((id) => found.get(id) !== 1), failed }).toEqual({ acked: [], failed: expect.any(Number) });
      expect(await verify(dir)).toMatchObject({ closed: true, totals: { pending: 0 } });
    },
  );

  it('a watch shows within seconds that the broker is away, and goes on when it is back', async () => {
    const dir = await kafkaProject(kafka().brokers, freshTopic('watched'));
    await json(dir, ['consume', 'run', '--until-caught-up']);
    const watch = started(['lag', 'watch', '--json'], dir);
    const samples = (): string[] => watch.stdout().split('\n');
    await until(() => samples().some((line) => line.includes('"stale":false')));
    await kafka().kill();
    const killedAt = Date.now();
    await until(() => samples().some((line) => line.includes('"stale":true')));
    expect(Date.now() - killedAt).toBeLessThan(12_000);
    expect(samples().find((line) => line.includes('"stale":true'))).toContain('KS_LOG');
    await kafka().start();
    await until(() => samples().at(-2)?.includes('"stale":false') ?? false);
    expect((await ended(watch)).stderr).not.toContain('at ');
  });

  it('names a broker that is away, and ends with 5; one that is not named is a matter of configuration', async () => {
    const away = await kafkaProject('127.0.0.1:1', 'nothing');
    const end = await runCli(['lag', 'show'], { cwd: away });
    expect([end.code, end.stdout]).toEqual([5, '']);
    expect(end.stderr).toContain('Kafka at 127.0.0.1:1 did not answer');
    expect(end.stderr).toContain('keystone doctor');
    expect(end.stderr).not.toContain('at Connection');
    const doctor = await runCli(['doctor'], { cwd: away });
    expect([doctor.code, doctor.stdout]).toEqual([5, expect.stringContaining('did not answer')]);
    const file = path.join(away, 'keystone.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/ {6}kafka: .*\n/, ''));
    const unnamed = await runCli(['lag', 'show'], { cwd: away });
    expect([unnamed.code, unnamed.stderr]).toEqual([4, expect.stringContaining('log.kafka.brokers')]);
  });
});
