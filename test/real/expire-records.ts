/** Lets records of a topic expire at once, as retention does in time. */
import type { Kafka } from '../services/kafka.js';

const EXPIRE = `
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.TopicPartition;

public class Expire {
  public static void main(String[] args) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
      var before = Map.of(new TopicPartition(args[1], Integer.parseInt(args[2])), RecordsToDelete.beforeOffset(Long.parseLong(args[3])));
      admin.deleteRecords(before).all().get();
    }
  }
}
`;

/** The partition begins at `before` afterwards. */
export const expireRecords = (kafka: Kafka, topic: string, partition: number, before: number): Promise<string> =>
  kafka.java(EXPIRE, [kafka.brokers, topic, String(partition), String(before)]);
