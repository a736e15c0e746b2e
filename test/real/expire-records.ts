/** Lets records of a topic expire at once, as retention does in time. */
import { Kafka as Client, logLevel } from 'kafkajs';
import type { Kafka } from '../services/kafka.js';

/** The partition begins at `before` afterwards. */
export async function expireRecords(kafka: Kafka, topic: string, partition: number, before: number): Promise<void> {
  const admin = new Client({ brokers: kafka.brokers.split(','), logLevel: logLevel.ERROR }).admin();
  await admin.connect();
  try {
    // kafkajs deletes only of topics whose leaders it knows already.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
  } finally {
    await admin.disconnect();
  }
}
