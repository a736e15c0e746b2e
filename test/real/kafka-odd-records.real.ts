/** Records that only a foreign producer writes: times that no table can hold, ids that are no text. None stops anything or is lost. */
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Kafka as Client, logLevel } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { isBuilt, runCli } from '../support/cli-process.js';
import { tempDir } from '../support/temp-dir.js';
import { verify } from '../support/violent-project.js';
import { freshTopic, hasKafka, kafkaServer, openLog } from './kafka-server.js';

const LAST_US = String(Number.MAX_SAFE_INTEGER);
/** Producer's milliseconds → what the tables hold, and what is kept beside it. */
const TIMES: Readonly<Record<string, readonly [ms: string, us: string, kept: string | null]>> = {
  nanoseconds: ['1795308533000000001', LAST_US, '1795308533000000001'],
  usual: ['1795308533123', '1795308533123000', null],
  microseconds: ['1795308533000000', LAST_US, '1795308533000000'],
  beyondDate: ['8640000000000001', LAST_US, '8640000000000001'],
  before: ['-5', '0', '-5'],
  none: ['-1', '0', '-1'],
};

const order = (n: number): string =>
  JSON.stringify({
    order_id: `o${n}`,
    customer_id: `c${n}`,
    order_status: 'shipped',
    order_purchase_timestamp: '2017-10-02 10:56:33',
  });

describe.skipIf(!hasKafka || !isBuilt())('records of a foreign producer (needs npm run build)', () => {
  const kafka = kafkaServer();

  it('land, are built, traced and accounted for, whatever time and id they claim', { timeout: 400_000 }, async () => {
    const [topic, dir] = [freshTopic('odd'), await tempDir()];
    const log = { adapter: 'kafka', topic, partitions: 2, kafka: { brokers: kafka().brokers } };
    await writeFile(
      path.join(dir, 'keystone.yaml'),
      JSON.stringify({ version: 1, consume: { flushInterval: '300ms' }, profiles: { local: { log } } }),
    );
    for (const part of ['contracts', 'models'])
      await cp(path.resolve('templates', part), path.join(dir, part), { recursive: true });

    const client = new Client({ brokers: [kafka().brokers], logLevel: logLevel.NOTHING });
    const [admin, producer] = [client.admin(), client.producer()];
    await Promise.all([admin.connect(), producer.connect()]);
    // As up to Kafka 3.9 by itself; what 4 takes ends an hour from now.
    const configEntries = [{ name: 'message.timestamp.after.max.ms', value: '9223372036854775807' }];
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 2, configEntries }] });
    // Each by itself: kafkajs adds the times of one batch as doubles.
    const send = (n: number, id: Buffer, timestamp?: string) =>
      producer.send({
        topic,
        messages: [
          {
            partition: n % 2,
            value: order(n),
            headers: { 'ks-event-id': id, 'ks-dataset': 'orders', 'ks-source': Buffer.from([0xff, n]) },
            ...(timestamp === undefined ? {} : { timestamp }),
          },
        ],
      });
    const names = Object.keys(TIMES);
    for (const [n, name] of names.entries()) await send(n, Buffer.from(name), TIMES[name]![0]);
    const ids = ['ff41', 'fe41', 'fd41', ''];
    for (const [n, id] of ids.entries()) await send(names.length + n, Buffer.from(id, 'hex'));
    await Promise.all([admin.disconnect(), producer.disconnect()]);
    const count = names.length + ids.length;

    const run = async <T>(...args: readonly string[]): Promise<T> => {
      const end = await runCli([...args, '--json'], { cwd: dir });
      expect(end, `${args.join(' ')}: ${end.stderr}${end.stdout}`).toMatchObject({ code: 0 });
      return (JSON.parse(end.stdout) as { result: T }).result;
    };
    const traced = async (target: string) => JSON.stringify(await run('trace', target));
    for (const name of ['nanoseconds', 'none']) expect(await traced(name)).toContain('"pending"');
    const waiting = await run<{ total: { lagEvents: number; lagSeconds: number } }>('lag', 'show');
    expect(waiting.total.lagEvents).toBe(count);
    expect(waiting.total.lagSeconds).toBeGreaterThan(0);

    await run('consume', 'run', '--until-caught-up');
    expect(await verify(dir)).toMatchObject({ closed: true, totals: { bronze: count, pending: 0 } });
    await run('pipeline', 'run');
    expect(await verify(dir)).toMatchObject({ closed: true });

    const { rows } = await run<{ rows: readonly { event_id: string; us: string; kept: readonly string[]; source: null }[] }>(
      'query',
      `SELECT event_id, CAST(epoch_us(log_time) AS VARCHAR) AS us, source,
              [h.key || '=' || hex(h.value) FOR h IN headers IF h.key <> 'ks-source'] AS kept
       FROM bronze.events`,
    );
    expect(rows).toHaveLength(count);
    expect(new Set(rows.map(({ source }) => source))).toEqual(new Set([null]));
    const of = (id: string) => rows.find((row) => row.event_id === id);
    for (const [name, [, us, kept]] of Object.entries(TIMES)) {
      const header = kept === null ? [] : [`ks-log-time-ms=${Buffer.from(kept).toString('hex').toUpperCase()}`];
      expect(of(name), name).toMatchObject({ us, kept: header });
    }
    for (const name of ['nanoseconds', 'none']) expect(await traced(name)).not.toContain('"pending"');
    for (const [n, id] of ids.entries()) {
      const at = names.length + n;
      // Each partition has half of those before it.
      expect(of(`${topic}/${at % 2}/${Math.floor(at / 2)}`), id).toMatchObject({ kept: [`ks-event-id=${id.toUpperCase()}`] });
    }
    expect(await traced(`${topic}/0/3`)).not.toContain('"pending"');
    const silver = await run<{ rows: readonly { n: unknown }[] }>('query', 'SELECT count(*) AS n FROM silver.orders');
    expect(Number(silver.rows[0]!.n)).toBe(count);

    for (const args of [
      ['table', 'show', 'bronze.events'],
      ['table', 'compact', 'bronze.events'],
      ['lag', 'show'],
    ])
      await run(...args);
    expect(await verify(dir)).toMatchObject({ closed: true });
    // The first moment is before every record, those of before 1970 too.
    const opened = await openLog({ brokers: kafka().brokers });
    expect(await opened.offsetAt(topic, 0, 0)).toBe(0);
    expect(await opened.offsetAt(topic, 1, 0)).toBe(0);
    await run('ingest', 'replay', 'topic');
    await run('consume', 'run', '--until-caught-up');
    expect(await verify(dir)).toMatchObject({ closed: true, totals: { bronze: 2 * count } });
  });
});
