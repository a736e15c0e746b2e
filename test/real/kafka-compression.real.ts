/** What is written compressed is read by Kafka's own Java consumer, checksums included, and takes less room at the broker. */
import { readdirSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { NewRecord } from '../../src/core/log/event-log.js';
import { samplePayloads } from '../../bench/sample-payloads.js';
import { freshTopic, hasKafka, kafkaServer, openLog } from './kafka-server.js';

const EVENTS = 3000;
/** The payloads of partition 0, one a line. */
const READER = `import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
public class Reader {
  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    StringDeserializer text = new StringDeserializer();
    try (var consumer = new KafkaConsumer<>(Map.<String, Object>of("bootstrap.servers", args[0], "check.crcs", "true"), text, text)) {
      TopicPartition partition = new TopicPartition(args[1], 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      for (int left = Integer.parseInt(args[2]); left > 0;)
        for (var record : consumer.poll(Duration.ofSeconds(30))) {
          out.print(record.value() + "\\n");
          left--;
        }
    }
    out.flush();
  }
}`;

const events: readonly NewRecord[] = [...samplePayloads(EVENTS, 61)].map((value, n) => ({
  key: n % 3 === 0 ? null : Buffer.from(`key-${n}`),
  value,
  headers: [{ key: 'ks-event-id', value: Buffer.from(`id-${n}`) }],
}));

describe.skipIf(!hasKafka)('compressed batches', () => {
  const kafka = kafkaServer();

  for (const compression of ['none', 'gzip', 'snappy', 'lz4']) {
    it(`${compression}: Kafka's own consumer reads every payload, and so do we`, async () => {
      const topic = freshTopic(compression);
      const log = await openLog({ brokers: kafka().brokers, compression });
      await log.ensureTopic(topic, 1);
      for (let at = 0; at < EVENTS; at += 500) await log.append(topic, events.slice(at, at + 500));
      // Too little to gain by packing.
      await log.append(topic, [{ key: null, value: Buffer.from('x'), headers: [] }]);

      const shown = await kafka().java(READER, [kafka().brokers, topic, String(EVENTS + 1)]);
      const wanted = [...events.map(({ value }) => Buffer.from(value!).toString('utf8')), 'x'];
      expect(shown.split('\n').slice(0, EVENTS + 1)).toEqual(wanted);

      const read: string[] = [];
      for (let next = 0; next <= EVENTS;) {
        const { records, nextOffset } = await log.read(topic, 0, next, { maxRecords: 1000, maxBytes: 1_000_000 });
        read.push(...records.map(({ value }) => Buffer.from(value!).toString('utf8')));
        next = nextOffset;
      }
      expect(read).toEqual(wanted);

      const folder = `${kafka().dataFolder}/${topic}-0`;
      const [segment = ''] = readdirSync(folder).filter((file) => file.endsWith('.log'));
      const plainBytes = wanted.reduce((sum, text) => sum + text.length, 0);
      const share = statSync(`${folder}/${segment}`).size / plainBytes;
      if (compression === 'none') expect(share).toBeGreaterThan(1);
      else expect(share).toBeLessThan(0.6);
    });
  }
});
