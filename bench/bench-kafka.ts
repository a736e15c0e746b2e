/** One real Kafka broker for a bench, and what must be asked of it. */
import { randomBytes } from 'node:crypto';
import { profileConfig } from '../src/core/config/config.js';
import type { EventLog } from '../src/core/log/event-log.js';
import { openKafkaLog } from '../src/core/log/kafka-log.js';
import { installKafka, startKafka } from '../test/services/kafka.js';

const TOPIC_PARTITIONS = 6;

export interface BenchKafka {
  readonly brokers: string;
  /** Of Kafka and Java. */
  readonly version: string;
  /** Makes the topic as Keystone makes one; the same for all programs. */
  makeTopic(name: string): Promise<void>;
  /** How many events lie in it. */
  count(name: string): Promise<number>;
  /** As flags of a command of Keystone. */
  settings(topic: string): readonly string[];
  remove(): Promise<void>;
}

/** Throws where there is no Java or Maven. */
export async function startBenchKafka(say: (text: string) => void): Promise<BenchKafka> {
  const libs = await installKafka();
  if (libs === null)
    throw new Error('the bench needs Java 17 and Maven for a Kafka of its own: apt-get install default-jre maven');
  say('starting Kafka');
  const kafka = await startKafka(libs, { fast: true });
  let log: EventLog;
  try {
    log = await openKafkaLog({
      kafka: profileConfig.parse({ log: { kafka: { brokers: kafka.brokers } } }).log.kafka,
      secrets: { env: {}, projectDir: '/' },
      clock: {
        nowMs: () => Date.now(),
        sleep: (ms) =>
          new Promise((resolve) => {
            setTimeout(resolve, ms);
          }),
      },
      randomBytes,
    });
  } catch (error) {
    await kafka.remove();
    throw error;
  }
  return {
    brokers: kafka.brokers,
    version: `Apache Kafka ${kafka.version} (one broker, ${TOPIC_PARTITIONS} partitions, no replicas)`,
    makeTopic: async (name) => void (await log.ensureTopic(name, TOPIC_PARTITIONS)),
    count: async (name) => (await log.bounds(name)).reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0),
    settings: (topic) =>
      ['log.adapter=kafka', `log.kafka.brokers=${kafka.brokers}`, `log.topic=${topic}`].flatMap((each) => ['--set', each]),
    remove: async () => {
      await log.close();
      await kafka.remove();
    },
  };
}
