/** Are the brokers there, do they take us, and until when? Changes nothing. */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { ResolvedConfig } from '../../config/config.js';
import type { Effects } from '../../lakehouse.js';
import { kafkaAccess, type TlsFiles } from './access.js';
import { connectBrokers } from './brokers.js';
import { BrokerRefusal, CODE, kafkaFailure } from './failure.js';
import {
  METADATA,
  METADATA_VERSION,
  metadataRequest,
  type BrokerAddress,
  type Metadata,
  type TopicMetadata,
} from './requests.js';

export interface KafkaCertificate {
  /** e.g. `broker-1:9094`, or the setting of this client's own. */
  readonly whose: string;
  readonly expiresAtMs: number;
}

export interface KafkaLook {
  /** As configured, or as MSK told them. */
  readonly place: string;
  /** Those that the cluster has now. */
  brokers(): Promise<readonly BrokerAddress[]>;
  /** `host:port` of the broker that keeps the group's offsets and members. */
  coordinator(group: string): Promise<string>;
  /** null: it does not exist. */
  topic(name: string): Promise<TopicMetadata | null>;
  /** Of all brokers and of this client, the soonest first; empty without TLS. */
  certificates(): Promise<readonly KafkaCertificate[]>;
  close(): Promise<void>;
}

const LOOK_WITHIN_MS = 5000;
/** Asked with the brokers, for no more than its name. */
const ANY_TOPIC = '__consumer_offsets';

/** Throws KS_CONFIG; its methods throw KS_CREDENTIALS and KS_LOG. */
export async function lookAtKafka({ profile, projectDir }: ResolvedConfig, effects: Effects): Promise<KafkaLook> {
  const { clock, randomBytes, env = {}, logger, metrics } = effects;
  const access = await kafkaAccess(profile.log.kafka, { env, projectDir }, clock);
  const random = (): number => Buffer.from(randomBytes(4)).readUInt32BE() / 2 ** 32;
  const patience = { firstPatienceMs: LOOK_WITHIN_MS, patienceMs: LOOK_WITHIN_MS };
  const brokers = connectBrokers({ access, clock, random, ...patience, logger, metrics });
  const metadata = (topic: string): Promise<Metadata | null> =>
    brokers.patiently('look at the brokers', async () => {
      const broker = await brokers.any();
      const range = broker.versions?.[METADATA];
      if (!range || range.maxVersion < METADATA_VERSION) return null;
      return broker.connectionPool.send(metadataRequest(topic));
    });
  const all = async (): Promise<readonly BrokerAddress[]> => (await metadata(ANY_TOPIC))?.brokers ?? [];
  return {
    place: access.brokers,
    brokers: all,
    coordinator: (group) =>
      brokers.patiently(`find the coordinator of group ${group}`, async () => {
        const { host, port } = (await brokers.coordinator(group)).connectionPool;
        return `${host}:${port}`;
      }),
    topic: async (name) => {
      const topic = (await metadata(name))?.topic;
      if (topic === undefined || topic.errorCode === CODE.unknownTopic) return null;
      // A partition without a leader says so itself.
      if (topic.errorCode !== CODE.none && topic.leaders.size === 0)
        throw kafkaFailure(new BrokerRefusal(topic.errorCode), `look at topic ${name}`, access);
      return topic;
    },
    certificates: async () => {
      const { ssl } = access;
      if (ssl === null) return [];
      const shown = await Promise.all((await all()).map((broker) => certificateOf(broker, ssl)));
      const own = ssl.cert === undefined ? [] : [{ whose: 'log.kafka.certificate', expiresAtMs: endOf(ssl.cert) }];
      return [...shown.filter((each) => each !== null), ...own].toSorted((a, b) => a.expiresAtMs - b.expiresAtMs);
    },
    close: () => brokers.close(),
  };
}

const endOf = (pem: string | Buffer): number => Date.parse(new X509Certificate(pem).validTo);

/** What the broker shows to who connects; null when it does not within a moment. Who it is was checked by the connections before. */
const certificateOf = ({ host, port }: BrokerAddress, { ca, cert, key }: TlsFiles): Promise<KafkaCertificate | null> =>
  new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
    const end = (found: KafkaCertificate | null): void => {
      socket.destroy();
      resolve(found);
    };
    socket.setTimeout(LOOK_WITHIN_MS, () => end(null));
    socket.once('error', () => end(null));
    socket.once('secureConnect', () => {
      const { raw } = socket.getPeerCertificate();
      end(raw === undefined ? null : { whose: `${host}:${port}`, expiresAtMs: endOf(raw) });
    });
  });
