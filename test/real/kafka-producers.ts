/** What Kafka's own Java clients write: every codec, headers of all kinds, tombstones, transactions, compacted topics. */
import type { Kafka } from '../services/kafka.js';

const SOURCE = `
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Producers {
  static String brokers;
  static byte[] b(String s) { return s.getBytes(StandardCharsets.UTF_8); }
  static Producer<byte[], byte[]> producer(Map<String, Object> more) {
    Map<String, Object> p = new HashMap<>(Map.of("bootstrap.servers", brokers, "acks", "all", "linger.ms", "50", "batch.size", "65536"));
    p.putAll(more);
    return new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
  }
  static void create(String topic, Map<String, String> configs) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
      admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1).configs(configs))).all().get();
    }
  }
  public static void main(String[] args) throws Exception {
    brokers = args[0];
    String topic = args[2];
    switch (args[1]) {
      case "codecs" -> {
        create(topic, Map.of());
        long time = 1_500_000_000_000L;
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
          try (var p = producer(Map.of("compression.type", codec))) {
            for (int n = 0; n < 500; n++) {
              byte[] key = n % 5 == 0 ? null : b("key-" + n % 50);
              byte[] value = n % 7 == 0 ? null : n % 11 == 0 ? new byte[0] : b((codec + "-" + n + " ").repeat(n == 13 ? 60000 : n % 40 + 1));
              var record = new ProducerRecord<byte[], byte[]>(topic, 0, time++, key, value);
              record.headers().add("b", b("1")).add("a", new byte[] {0, -1}).add("b", b(codec)).add("none", null).add("1", new byte[0]);
              p.send(record);
            }
          }
        }
      }
      case "transactions" -> {
        create(topic, Map.of());
        try (var p = producer(Map.of("transactional.id", topic)); var plain = producer(Map.of())) {
          p.initTransactions();
          for (int n = 0; n < 60; n++) {
            p.beginTransaction();
            for (int i = 0; i < 5; i++) p.send(new ProducerRecord<>(topic, 0, null, b((n % 3 == 0 ? "aborted-" : "kept-") + n + "-" + i)));
            p.flush();
            plain.send(new ProducerRecord<>(topic, 0, null, b("plain-" + n))).get();
            if (n % 3 == 0) p.abortTransaction(); else p.commitTransaction();
          }
          p.beginTransaction();
          p.send(new ProducerRecord<>(topic, 0, null, b("open"))).get();
          plain.send(new ProducerRecord<>(topic, 0, null, b("behind"))).get();
          // Left open: its end never comes while this process stands still.
          System.out.println("open");
          System.out.flush();
          Runtime.getRuntime().halt(0);
        }
      }
      case "compacted" -> {
        create(topic, Map.of("cleanup.policy", "compact", "segment.bytes", "1048576", "segment.ms", "200", "min.cleanable.dirty.ratio", "0.001",
            "delete.retention.ms", "0", "min.compaction.lag.ms", "0", "max.compaction.lag.ms", "200"));
        try (var p = producer(Map.of("compression.type", "lz4"))) {
          for (int n = 0; n < 3000; n++) {
            byte[] value = n % 100 == 99 ? null : b("value-" + n);
            p.send(new ProducerRecord<>(topic, 0, b("key-" + n % 40), value));
            if (n % 500 == 499) { p.flush(); Thread.sleep(300); }
          }
          p.flush();
          for (int n = 0; n < 3; n++) { Thread.sleep(400); p.send(new ProducerRecord<>(topic, 0, b("last"), b("last-" + n))).get(); }
        }
      }
    }
  }
}
`;

export const javaProducers = (kafka: Kafka, what: 'codecs' | 'transactions' | 'compacted', topic: string): Promise<string> =>
  kafka.java(SOURCE, [kafka.brokers, what, topic]);
