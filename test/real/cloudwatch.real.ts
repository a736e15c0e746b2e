/** CloudWatch as it is asked by others: series by their dimensions, an alarm that fires, and what an outage leaves. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  ListMetricsCommand,
  PutMetricAlarmCommand,
} from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { LagPublication } from '../../src/core/lag/publish-lag.js';
import { openCloudwatchPoints } from '../../src/core/metrics/cloudwatch-points.js';
import type { MetricPoint } from '../../src/core/metrics/metric-points.js';
import { installMinistack, startMinistack, type Ministack } from '../services/ministack.js';
import { runCli, startCli } from '../support/cli-process.js';
import { systemEffects } from '../support/effects.js';
import { appendEvents, DEFAULT_TOPIC, smallProject } from '../support/small-project.js';
import { freshTopic, hasKafka, kafkaServer, openLog } from './kafka-server.js';

const program = await installMinistack();
if (program === null) process.stderr.write('Skipped: there is no Python here, so no CloudWatch.\n');

const ENV = { KS_TEST_KEY: 'keystone', KS_TEST_SECRET: 'a-secret-of-the-test' };
const GROUP = 'lakehouse-enterprise-writers';
const settingsOf = (endpoint: string, namespace: string) => ({
  region: 'us-east-1',
  endpoint,
  namespace,
  accessKeyId: 'env:KS_TEST_KEY',
  secretAccessKey: 'env:KS_TEST_SECRET',
});

async function until<T>(what: () => Promise<T | undefined | false>): Promise<T> {
  for (let tries = 0; tries < 1200; tries++) {
    const found = await what();
    if (found !== undefined && found !== false) return found;
    await delay(100);
  }
  throw new Error('it does not come');
}

describe.skipIf(program === null)('CloudWatch', () => {
  let server: Ministack;
  let client: CloudWatchClient;
  beforeAll(async () => {
    server = await startMinistack(program ?? '');
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    client = new CloudWatchClient({ endpoint: server.endpoint, region: 'us-east-1', credentials });
  });
  afterAll(async () => {
    client.destroy();
    await server.stop();
  });

  const open = async (namespace: string, endpoint = server.endpoint) => {
    const { clock } = systemEffects();
    const points = await openCloudwatchPoints({
      cloudwatch: settingsOf(endpoint, namespace),
      env: ENV,
      projectDir: '/',
      clock,
      random: Math.random,
    });
    onTestFinished(() => points.close());
    return points;
  };

  /** The statistics of a series over the last hour, added up over its minutes. */
  async function statistics(Namespace: string, MetricName: string, dimensions: Readonly<Record<string, string>>) {
    const { Datapoints = [] } = await client.send(
      new GetMetricStatisticsCommand({
        Namespace,
        MetricName,
        Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
        StartTime: new Date(Date.now() - 3_600_000),
        EndTime: new Date(Date.now() + 60_000),
        Period: 60,
        Statistics: ['SampleCount', 'Sum', 'Maximum', 'Minimum'],
      }),
    );
    const sum = (of: 'SampleCount' | 'Sum'): number => Datapoints.reduce((total, point) => total + (point[of] ?? 0), 0);
    return {
      samples: sum('SampleCount'),
      sum: sum('Sum'),
      most: Math.max(...Datapoints.map(({ Maximum }) => Maximum ?? 0)),
      unit: Datapoints[0]?.Unit,
    };
  }

  async function project(namespace: string, events: number, log = ''): Promise<string> {
    const dir = await smallProject(events);
    const { region, endpoint, accessKeyId, secretAccessKey } = settingsOf(server.endpoint, namespace);
    await writeFile(
      path.join(dir, 'keystone.yaml'),
      `version: 1\nprofiles:\n  local:\n${log}    metrics:\n      adapter: cloudwatch\n      cloudwatch: { region: ${region}, endpoint: "${endpoint}", namespace: ${namespace}, accessKeyId: "${accessKeyId}", secretAccessKey: "${secretAccessKey}" }\n`,
    );
    return dir;
  }

  it('takes more points than one request may have, single values and sets of statistics', async () => {
    const points = await open('Many');
    const atMs = Date.now();
    const many = Array.from({ length: 2300 }, (_, n): MetricPoint => ({
      name: 'N',
      dimensions: { Place: String(n) },
      atMs,
      unit: 'Count',
      value: n,
    }));
    const set = { name: 'Set', dimensions: { Place: 'é'.repeat(60) }, atMs, unit: 'Seconds' } as const;
    await points.put([
      ...many,
      { ...set, value: { count: 3, sum: 12, least: 1, most: 7 } },
      { name: 'N', dimensions: {}, atMs, unit: 'None', value: Number.NaN },
    ]);
    for (const n of [0, 999, 1000, 2299]) {
      expect(await statistics('Many', 'N', { Place: String(n) })).toMatchObject({ samples: 1, sum: n, unit: 'Count' });
    }
    expect(await statistics('Many', 'Set', set.dimensions)).toMatchObject({ samples: 3, sum: 12, most: 7, unit: 'Seconds' });
  });

  it('says what is wrong: nobody there, and no secret', async () => {
    await expect((await open('None', 'http://127.0.0.1:1')).look()).rejects.toMatchObject({ code: 'KS_METRICS' });
    const cloudwatch = { ...settingsOf(server.endpoint, 'None'), secretAccessKey: undefined };
    const { clock } = systemEffects();
    await expect(
      openCloudwatchPoints({ cloudwatch, env: ENV, projectDir: '/', clock, random: Math.random }),
    ).rejects.toMatchObject({ code: 'KS_CONFIG' });
    await expect((await open('None')).look()).resolves.toBeUndefined();
  });

  it('is looked at by doctor', async () => {
    const dir = await project('Doctor', 1);
    const found = async (args: readonly string[] = []): Promise<{ readonly status: string; readonly code: string | null }> => {
      const end = await runCli(['doctor', '--json', ...args], { cwd: dir, env: ENV });
      const { result } = JSON.parse(end.stdout) as {
        readonly result: {
          readonly checks: readonly { readonly check: string; readonly status: string; readonly code: string | null }[];
        };
      };
      const check = result.checks.find(({ check }) => check === 'metrics');
      expect(check, end.stdout).toBeDefined();
      return check ?? { status: '', code: null };
    };
    expect(await found()).toMatchObject({ status: 'ok' });
    const away = ['--set', 'metrics.cloudwatch.endpoint=http://127.0.0.1:1'];
    expect(await found(away)).toMatchObject({ status: 'failed', code: 'KS_METRICS' });
  });

  it('publishes the lag once: each partition, the sums, and an alarm on them fires', async () => {
    const dir = await project('Once', 90);
    const end = await runCli(['lag', 'publish', '--once', '--json'], { cwd: dir, env: ENV });
    expect(end, end.stderr + end.stdout).toMatchObject({ code: 0 });
    const line = JSON.parse(end.stdout) as LagPublication;
    expect(line).toMatchObject({ kind: 'published', points: 12, total: { consumerLag: 90, lakeLag: 90 }, gap: null });
    const whole = { ConsumerGroup: GROUP, Topic: DEFAULT_TOPIC };
    expect(await statistics('Once', 'ConsumerLag', whole)).toMatchObject({ most: 90, unit: 'Count' });
    expect(await statistics('Once', 'LakeLag', { Topic: DEFAULT_TOPIC })).toMatchObject({ most: 90 });
    expect(await statistics('Once', 'TimeLagSeconds', whole)).toMatchObject({ unit: 'Seconds' });
    const { Metrics = [] } = await client.send(new ListMetricsCommand({ Namespace: 'Once', MetricName: 'ConsumerLag' }));
    const dimensions = Metrics.map((metric) => (metric.Dimensions ?? []).map(({ Name, Value }) => `${Name}=${Value}`).join());
    expect(dimensions.toSorted()).toEqual([
      `ConsumerGroup=${GROUP},Topic=${DEFAULT_TOPIC}`,
      ...[0, 1, 2].map((partition) => `ConsumerGroup=${GROUP},Topic=${DEFAULT_TOPIC},Partition=${partition}`),
    ]);
    const { MetricDataResults } = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(Date.now() - 3_600_000),
        EndTime: new Date(Date.now() + 60_000),
        MetricDataQueries: [
          {
            Id: 'lag',
            MetricStat: {
              Metric: {
                Namespace: 'Once',
                MetricName: 'ConsumerLag',
                Dimensions: Object.entries({ ...whole, Partition: '1' }).map(([Name, Value]) => ({ Name, Value })),
              },
              Period: 60,
              Stat: 'Maximum',
            },
          },
        ],
      }),
    );
    expect(MetricDataResults?.[0]?.Values).toEqual([30]);

    await client.send(
      new PutMetricAlarmCommand({
        AlarmName: 'behind',
        Namespace: 'Once',
        MetricName: 'ConsumerLag',
        Dimensions: Object.entries(whole).map(([Name, Value]) => ({ Name, Value })),
        Statistic: 'Maximum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 80,
        ComparisonOperator: 'GreaterThanThreshold',
      }),
    );
    const alarm = await until(async () => {
      const { MetricAlarms = [] } = await client.send(new DescribeAlarmsCommand({ AlarmNames: ['behind'] }));
      return MetricAlarms[0]?.StateValue === 'ALARM' && MetricAlarms[0];
    });
    expect(alarm.StateReason).toContain('90');
  });

  it('waits out an outage of CloudWatch, says the gap, and goes on with the lag of the moment', async () => {
    const dir = await project('Outage', 3);
    const running = startCli(['lag', 'publish', '--every', '1s', '--json'], { cwd: dir, env: ENV });
    onTestFinished(async () => {
      running.child.kill('SIGKILL');
      await running.ended;
    });
    const lines = (): LagPublication[] =>
      running
        .stdout()
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as LagPublication);
    await until(async () => lines().some(({ kind }) => kind === 'published'));
    await server.kill();
    await until(async () => lines().at(-1)?.kind === 'waiting');
    expect(lines().at(-1)).toMatchObject({ error: { code: 'KS_METRICS' } });
    await appendEvents(dir, 39);
    await server.start();
    const back = await until(async () => {
      const last = lines().at(-1);
      return last?.kind === 'published' && last.total.consumerLag === 42 && last;
    });
    expect(back.partitions).toHaveLength(3);
    expect(lines().filter(({ kind }) => kind === 'waiting')).toHaveLength(1);
    expect(lines().some((line) => line.kind === 'published' && line.gap !== null)).toBe(true);
    // What it held in memory is gone with kill -9: all that is there now was measured since.
    expect(await statistics('Outage', 'ConsumerLag', { ConsumerGroup: GROUP, Topic: DEFAULT_TOPIC })).toMatchObject({ most: 42 });
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0 });
  });

  describe.skipIf(!hasKafka)('with Kafka', () => {
    const kafka = kafkaServer();

    it('publishes the lag of a topic there', async () => {
      const topic = freshTopic();
      const { brokers } = kafka();
      const log = await openLog({ brokers });
      await log.ensureTopic(topic, 2);
      await log.append(
        topic,
        Array.from({ length: 7 }, () => ({ partition: 1, key: null, value: Buffer.from('{}'), headers: [] })),
      );
      await log.commitOffsets(GROUP, topic, new Map([[1, 3]]));
      await log.close();
      const settings = `    log: { adapter: kafka, topic: ${topic}, kafka: { brokers: "${brokers}" } }\n`;
      const dir = await project('Kafka', 0, settings);
      const end = await runCli(['lag', 'publish', '--once', '--json'], { cwd: dir, env: ENV });
      expect(end, end.stderr + end.stdout).toMatchObject({ code: 0 });
      expect(JSON.parse(end.stdout)).toMatchObject({ topic, total: { consumerLag: 4, lakeLag: 7 } });
      const partition = { ConsumerGroup: GROUP, Topic: topic, Partition: '1' };
      expect(await statistics('Kafka', 'ConsumerLag', partition)).toMatchObject({ samples: 1, sum: 4 });
    });
  });
});
