import { describe } from 'vitest';
import { eventLogContract } from '../core/log/event-log.contract.js';
import { namedAppendsContract } from '../core/log/named-appends.contract.js';
import { freshTopic, hasKafka, inOwnTopics, kafkaServer, openLog } from './kafka-server.js';

describe.skipIf(!hasKafka)('Kafka', () => {
  const kafka = kafkaServer();

  const open = async () => {
    const own = freshTopic();
    const again = async () => inOwnTopics(await openLog({ brokers: kafka().brokers }), own);
    return { log: await again(), again };
  };
  eventLogContract('kafka', open);
  namedAppendsContract('kafka', open);
});
