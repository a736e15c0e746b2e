/** Brokers that go away in the middle, answers that are lost: every append that was answered is in the log once, and nothing is told that is not so. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { profileConfig } from '../../src/core/config/config.js';
import type { EventLog, NewRecord } from '../../src/core/log/event-log.js';
import { kafkaAccess } from '../../src/core/log/kafka/access.js';
import { connectBrokers, type Brokers } from '../../src/core/log/kafka/brokers.js';
import { idempotentProducer } from '../../src/core/log/kafka/idempotent-producer.js';
import { systemEffects } from '../support/effects.js';
import { seededRandom } from '../support/mixed-events.js';
import { freshTopic, hasKafka, kafkaServer, openLog } from './kafka-server.js';

const record = (value: string): NewRecord => ({ key: null, value: Buffer.from(value), headers: [] });

/** How often each value is in the topic. */
async function valuesOf(log: EventLog, topic: string): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { partition, startOffset, endOffset } of await log.bounds(topic)) {
    for (let at = startOffset; at < endOffset;) {
      const { records, nextOffset } = await log.read(topic, partition, at, { maxRecords: 100_000, maxBytes: 1e8 });
      for (const { value } of records) {
        const text = Buffer.from(value ?? []).toString('utf8');
        counts.set(text, (counts.get(text) ?? 0) + 1);
      }
      at = nextOffset;
    }
  }
  return counts;
}

/** Appends one value after the other from several sides until told to stop; what was answered, and what was refused. */
function load(
  log: EventLog,
  topic: string,
  sides: number,
): {
  /** How many were answered so far. */
  answered(): number;
  stop(): Promise<{ acked: string[]; refused: string[] }>;
} {
  const acked: string[] = [];
  const refused: string[] = [];
  let stopped = false;
  const side = async (name: number): Promise<void> => {
    for (let n = 0; !stopped; n++) {
      const values = Array.from({ length: 1 + (n % 5) }, (_, i) => `${name}-${n}-${i}`);
      await log.append(topic, values.map(record)).then(
        () => acked.push(...values),
        () => refused.push(...values),
      );
      await delay(2);
    }
  };
  const running = Promise.all(Array.from({ length: sides }, (_, n) => side(n)));
  return {
    answered: () => acked.length,
    stop: async () => {
      stopped = true;
      await running;
      return { acked, refused };
    },
  };
}

describe.skipIf(!hasKafka)('Kafka going away', () => {
  const kafka = kafkaServer();

  it(
    'kept through kill -9 of the broker, again and again: what was answered is there once, and nobody was refused',
    { timeout: 1_500_000 },
    async () => {
      const topic = freshTopic('killed');
      const log = await openLog({ brokers: kafka().brokers });
      await log.ensureTopic(topic, 3);
      const running = load(log, topic, 8);
      const goesOn = async (): Promise<void> => {
        const enough = running.answered() + 100;
        await expect.poll(() => running.answered(), { timeout: 240_000 }).toBeGreaterThan(enough);
      };
      for (let kill = 0; kill < 4; kill++) {
        await goesOn();
        await kafka().kill();
        await delay(kill * 500);
        await kafka().start();
      }
      await goesOn();
      const { acked, refused } = await running.stop();
      expect(refused).toEqual([]);
      const found = await valuesOf(await openLog({ brokers: kafka().brokers }), topic);
      expect(acked.filter((value) => found.get(value) !== 1)).toEqual([]);
      expect(found.size).toBe(acked.length);
    },
  );

  it('reads and questions wait for a broker that comes back', async () => {
    const topic = freshTopic('back');
    const log = await openLog({ brokers: kafka().brokers });
    await log.ensureTopic(topic, 1);
    await log.append(topic, [record('a')]);
    await kafka().kill();
    const asked = [log.bounds(topic), log.read(topic, 0, 0, { maxRecords: 1, maxBytes: 1 }), log.topicId(topic)] as const;
    await delay(1500);
    await kafka().start();
    const [bounds, read, id] = await Promise.all(asked);
    expect(bounds).toEqual([{ partition: 0, startOffset: 0, endOffset: 1 }]);
    expect(read.records).toHaveLength(1);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
  });

  it('says in time, with a hint, that no broker is there, and closes at once', async () => {
    const log = await openLog({ brokers: '127.0.0.1:1,127.0.0.1:2' }, {}, { firstMs: 1000 });
    const startedAt = Date.now();
    await expect(log.bounds('t')).rejects.toMatchObject({
      code: 'KS_LOG',
      message: expect.stringContaining('127.0.0.1:1,127.0.0.1:2 did not answer') as string,
      hint: expect.stringContaining('keystone doctor') as string,
    });
    expect(Date.now() - startedAt).toBeLessThan(5000);
    const closing = Date.now();
    await log.close();
    expect(Date.now() - closing).toBeLessThan(1000);
  });

  it('fails an append that no broker answers in its time, says that its fate is unknown, and heals', async () => {
    const topic = freshTopic('late');
    const log = await openLog({ brokers: kafka().brokers }, {}, { deliveryMs: 1500, readMs: 1500 });
    await log.ensureTopic(topic, 1);
    await log.append(topic, [record('before')]);
    await kafka().kill();
    await expect(log.append(topic, [record('during')])).rejects.toMatchObject({
      code: 'KS_LOG',
      hint: expect.stringMatching(/keystone doctor/) as string,
    });
    await kafka().start();
    await log.append(topic, [record('after')]);
    const found = await valuesOf(log, topic);
    expect([found.get('before'), found.get('after')]).toEqual([1, 1]);
  });

  it('goes on behind a broker that stood still for longer than a request waits', { timeout: 120_000 }, async () => {
    const topic = freshTopic('frozen');
    const log = await openLog({ brokers: kafka().brokers });
    await log.ensureTopic(topic, 1);
    await log.append(topic, [record('before')]);
    kafka().suspend(true);
    const during = log.append(topic, [record('during')]);
    await delay(25_000);
    kafka().suspend(false);
    await during;
    expect(await valuesOf(log, topic)).toEqual(
      new Map([
        ['before', 1],
        ['during', 1],
      ]),
    );
  });

  it('does nothing while it has nothing to do, also after the broker has throttled it', async () => {
    const topic = freshTopic('throttled');
    await kafka().java(
      `import java.util.*; import org.apache.kafka.clients.admin.*; import org.apache.kafka.common.quota.*;
       public class Throttle { public static void main(String[] a) throws Exception {
         try (Admin admin = Admin.create(Map.of("bootstrap.servers", a[0]))) {
           var client = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, a[1]));
           var rate = new ClientQuotaAlteration.Op("producer_byte_rate", 50_000.0);
           admin.alterClientQuotas(List.of(new ClientQuotaAlteration(client, List.of(rate)))).all().get(); } } }`,
      [kafka().brokers, topic],
    );
    const log = await openLog({ brokers: kafka().brokers, clientId: topic });
    await log.ensureTopic(topic, 1);
    const startedAt = Date.now();
    const large = Buffer.alloc(100_000, 'x');
    for (let n = 0; n < 12; n++) await log.append(topic, [{ key: null, value: large, headers: [] }]);
    expect(Date.now() - startedAt).toBeGreaterThan(1500);
    expect(await log.bounds(topic)).toEqual([{ partition: 0, startOffset: 0, endOffset: 12 }]);
    const timers = vi.spyOn(globalThis, 'setTimeout');
    await delay(1000);
    expect(timers.mock.calls.length).toBeLessThan(20);
    timers.mockRestore();
  });

  /** A producer whose answers get lost on the way, though the broker took the batches. */
  const lossy = async (topic: string, loses: () => boolean, deliveryMs: number) => {
    const { clock, randomBytes } = systemEffects();
    const config = profileConfig.parse({ log: { kafka: { brokers: kafka().brokers } } }).log.kafka;
    const access = await kafkaAccess(config, { env: {}, projectDir: '/' }, clock);
    const random = (): number => randomBytes(1)[0]! / 256;
    const brokers = connectBrokers({ access, clock, random, firstPatienceMs: 5000, patienceMs: 5000 });
    onTestFinished(() => brokers.close());
    await brokers.topic(topic, 0);
    const losing: Brokers = {
      ...brokers,
      leader: async (name, partition) => {
        const broker = await brokers.leader(name, partition);
        const send: typeof broker.connectionPool.send = async (protocol) => {
          const answer = await broker.connectionPool.send(protocol);
          if (!loses()) return answer;
          throw Object.assign(new Error('the answer was lost'), { name: 'KafkaJSConnectionClosedError' });
        };
        return overlaid(broker, { connectionPool: overlaid(broker.connectionPool, { send }) });
      },
    };
    return idempotentProducer({ brokers: losing, clock, deliveryMs });
  };

  it('takes a batch once however often its answer is lost', async () => {
    const topic = freshTopic('lossy');
    const log = await openLog({ brokers: kafka().brokers });
    await log.ensureTopic(topic, 2);
    const random = seededRandom(3);
    const producer = await lossy(topic, () => random() < 0.4, 60_000);
    const appends = Array.from({ length: 60 }, (_, n) => Array.from({ length: 1 + (n % 4) }, (__, i) => `${n}-${i}`));
    for (const values of appends) {
      const places = await producer.append(
        topic,
        values.map(record),
        values.map((_, i) => i % 2),
        1_000_000,
      );
      for (const [i, { partition, offset }] of places.entries()) {
        const { records } = await log.read(topic, partition, offset, { maxRecords: 1, maxBytes: 1 });
        expect(Buffer.from(records[0]!.value!).toString('utf8')).toBe(values[i]);
      }
    }
    const found = await valuesOf(log, topic);
    expect([...found.values()].every((count) => count === 1)).toBe(true);
    expect(found.size).toBe(appends.flat().length);
  });

  it('never takes a later append for the repetition of one that was given up', async () => {
    const topic = freshTopic('given-up');
    const log = await openLog({ brokers: kafka().brokers });
    await log.ensureTopic(topic, 1);
    let loses = false;
    const producer = await lossy(topic, () => loses, 200);
    for (let n = 0; n < 5; n++) {
      loses = true;
      await expect(producer.append(topic, [record(`lost-${n}`)], [0], 1_000_000)).rejects.toThrow('the answer was lost');
      loses = false;
      const [place] = await producer.append(topic, [record(`kept-${n}`)], [0], 1_000_000);
      const { records } = await log.read(topic, 0, place!.offset, { maxRecords: 1, maxBytes: 1 });
      expect(Buffer.from(records[0]!.value!).toString('utf8')).toBe(`kept-${n}`);
    }
  });
});

describe.skipIf(!hasKafka)('three brokers', () => {
  const kafka = kafkaServer({ nodes: 3 });

  it('appends and reads go on while one of them is killed', { timeout: 180_000 }, async () => {
    const topic = freshTopic('three');
    const log = await openLog({ brokers: kafka().brokers, replication: 3 });
    expect(await log.ensureTopic(topic, 6)).toBe(6);
    const running = load(log, topic, 6);
    for (const node of [0, 1, 2]) {
      await delay(1500);
      await kafka().kill(node);
      await delay(2500);
      await kafka().start(node);
      await delay(3000);
    }
    const { acked, refused } = await running.stop();
    expect(refused).toEqual([]);
    expect(acked.length).toBeGreaterThan(500);
    const found = await valuesOf(log, topic);
    expect(acked.filter((value) => found.get(value) !== 1)).toEqual([]);
    expect(found.size).toBe(acked.length);
  });

  it('gets round one that stands still without closing anything', { timeout: 180_000 }, async () => {
    const topic = freshTopic('still');
    const log = await openLog({ brokers: kafka().brokers, replication: 3 });
    await log.ensureTopic(topic, 3);
    const values = (when: string): NewRecord[] =>
      [0, 1, 2].map((partition) => ({ ...record(`${when}-${partition}`), partition }));
    await log.append(topic, values('before'));
    kafka().suspend(true, 1);
    try {
      await log.append(topic, values('during'));
      expect((await log.bounds(topic)).map(({ endOffset }) => endOffset)).toEqual([2, 2, 2]);
    } finally {
      kafka().suspend(false, 1);
    }
    expect([...(await valuesOf(log, topic)).values()]).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

/** The instance with some members replaced. */
function overlaid<T extends object>(instance: T, replaced: Partial<T>): T {
  return new Proxy(instance, {
    get: (target, name) => {
      const value = (Reflect.get(replaced, name) ?? Reflect.get(target, name)) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
