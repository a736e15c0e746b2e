/** One Kafka for the tests of a file, topics of its own for each test. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, onTestFinished } from 'vitest';
import { profileConfig } from '../../src/core/config/config.js';
import type { EventLog, LogRecord } from '../../src/core/log/event-log.js';
import type { NamedAppends } from '../../src/core/log/named-appends.js';
import { openKafkaLog, type KafkaLogOptions } from '../../src/core/log/kafka-log.js';
import { installKafka, startKafka, type Kafka, type KafkaOptions } from '../services/kafka.js';
import { systemEffects } from '../support/effects.js';

const libs = await installKafka();
if (libs === null) process.stderr.write('Skipped: there is no Java and Maven here, so no Kafka.\n');

/** False where Kafka can't be installed. */
export const hasKafka = libs !== null;

/** Call once in a test file; the brokers run while its tests do. */
export function kafkaServer(options: KafkaOptions = {}): () => Kafka {
  let kafka: Kafka | undefined;
  beforeAll(async () => {
    if (libs !== null) kafka = await startKafka(libs, options);
  });
  // A test that failed with a killed broker must not take those behind it along.
  afterEach(() => kafka?.revive());
  afterAll(() => kafka?.remove());
  return () => {
    if (!kafka) throw new Error('there is no Kafka');
    return kafka;
  };
}

export type KafkaSettings = Record<string, unknown>;

export async function openLog(
  settings: KafkaSettings,
  env: Readonly<Record<string, string>> = {},
  patience: KafkaLogOptions['patience'] = {},
): Promise<EventLog> {
  const { clock, randomBytes: random } = systemEffects();
  const { kafka } = profileConfig.parse({ log: { adapter: 'kafka', kafka: settings } }).log;
  const log = await openKafkaLog({ kafka, secrets: { env, projectDir: '/' }, clock, randomBytes: random, patience });
  onTestFinished(() => log.close());
  return log;
}

export const freshTopic = (name = 't'): string => `${name}-${randomBytes(6).toString('hex')}`;

/** The log with every topic under another name: a test may call its own what another test has called so before. */
export function inOwnTopics(log: EventLog, own: string): EventLog {
  const at = (topic: string): string => `${topic}-${own}`;
  const back = (record: LogRecord): LogRecord => ({ ...record, topic: record.topic.slice(0, -own.length - 1) });
  return {
    ensureTopic: (topic, partitions) => log.ensureTopic(at(topic), partitions),
    append: (topic, records) => log.append(at(topic), records),
    read: async (topic, ...rest) => {
      const { records, nextOffset } = await log.read(at(topic), ...rest);
      return { records: records.map(back), nextOffset };
    },
    topicId: (topic) => log.topicId(at(topic)),
    bounds: (topic) => log.bounds(at(topic)),
    offsetAt: (topic, ...rest) => log.offsetAt(at(topic), ...rest),
    commitOffsets: (group, topic, next) => log.commitOffsets(group, at(topic), next),
    committedOffsets: (group, topic) => log.committedOffsets(group, at(topic)),
    ...(log.named ? { named: namedInOwnTopics(log.named, at) } : {}),
    close: () => log.close(),
  };
}

const namedInOwnTopics = (named: NamedAppends, at: (topic: string) => string): NamedAppends => ({
  recordBytes: (topic) => named.recordBytes(at(topic)),
  cut: (topic, ...rest) => named.cut(at(topic), ...rest),
  send: (topic, ...rest) => named.send(at(topic), ...rest),
  find: (topic, ...rest) => named.find(at(topic), ...rest),
});
