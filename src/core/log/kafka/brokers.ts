/**
 * The brokers of one cluster: who leads what, one connection to each, and the patience that lets a call outlive a broker that goes away
 * and comes back. Nothing here remembers a failure: every call finds its way anew.
 */
import type { Clock } from '../../clock.js';
import { KeystoneError } from '../../errors.js';
import type { KafkaAccess } from './access.js';
import { retryDelayMs, RETRY_POLICIES } from '../../resilience/retry-policy.js';
import { tellRetry, type RetryListeners } from '../../resilience/tell-retry.js';
import { BrokerRefusal, CODE, isCredentialTrouble, isPassing, kafkaFailure } from './failure.js';
import {
  METADATA,
  METADATA_VERSION,
  metadataRequest,
  type BrokerAddress,
  type Metadata,
  type TopicMetadata,
} from './requests.js';
import { vendorBroker, type VendorBroker, type VendorProtocol } from './vendor.js';

export interface BrokersOptions extends RetryListeners {
  readonly access: KafkaAccess;
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
  /** How long a call goes on trying while no broker has answered yet. */
  readonly firstPatienceMs: number;
  /** The same once one has. */
  readonly patienceMs: number;
}

export interface Brokers {
  /** The topic as the brokers know it now, or as they knew it `maxAgeMs` ago; null: it does not exist. */
  topic(name: string, maxAgeMs: number): Promise<TopicMetadata | null>;
  leader(topic: string, partition: number): Promise<VendorBroker>;
  /** One that answers. */
  any(): Promise<VendorBroker>;
  controller(): Promise<VendorBroker>;
  coordinator(group: string): Promise<VendorBroker>;
  fetch<T>(broker: VendorBroker, protocol: VendorProtocol<T>): Promise<T>;
  /** Forgets who leads the topic, so that the next call asks. */
  forget(topic: string): void;
  /** Repeats `work` while what fails may pass. Throws KS_LOG or KS_CREDENTIALS; `what` says what was being done. */
  patiently<T>(what: string, work: () => Promise<T>, patienceMs?: number): Promise<T>;
  /** Lets go of a broker that took a request and did not answer it: it may stand still, and others may not. */
  blame(error: unknown): void;
  /** Waits a little longer after each failure, as the retry table says, and tells of it. */
  pause(failed: FailedAttempt): Promise<void>;
  readonly closed: () => boolean;
  /** Calls that still try give up with KS_LOG. */
  stopTrying(): void;
  close(): Promise<void>;
}

export interface FailedAttempt {
  /** `cdc`: events on their way; `db`: questions and reads. */
  readonly policy: 'cdc' | 'db';
  /** From 0. */
  readonly attempt: number;
  /** What was being done. */
  readonly what: string;
  readonly error: unknown;
}

const CONNECT_MS = 5000;
const REQUEST_MS = 20_000;
/** Below the table's own: attempts are bounded by time, not by their number, and brokers that are back are noticed soon. */
const LONGEST_PAUSE_MS = 1000;
/** A topic that was there a moment ago may be unknown to a broker that has just started. */
const DOUBT_MS = 2000;
/** Leaders are asked for anew after this long even when nothing failed. */
const LEADERS_MS = 60_000;

export function connectBrokers(options: BrokersOptions): Brokers {
  const { access, clock, random, firstPatienceMs, patienceMs } = options;
  const addresses = new Map<number, BrokerAddress>();
  const brokers = new Map<string, VendorBroker>();
  const topics = new Map<string, { readonly topic: TopicMetadata; readonly atMs: number }>();
  const asking = new Map<string, Promise<TopicMetadata | null>>();
  const forgotten = new Set<string>();
  /** A socket that is open is not yet a broker that can be asked: its versions and credentials come after. */
  const connecting = new Map<VendorBroker, Promise<void>>();
  const isReady = (broker: VendorBroker): boolean => broker.isConnected() && !connecting.has(broker);
  const fetchConnections = new Map<VendorBroker, Promise<unknown>>();
  const stop = new AbortController();
  let controllerId: number | null = null;
  let answered = false;
  /** The broker that was blamed last: asked only when no other answers. */
  let blamed = '';
  const closed = (): boolean => stop.signal.aborted;

  const brokerAt = async (host: string, port: number, nodeId: number | null): Promise<VendorBroker> => {
    const name = `${host}:${port}`;
    let broker = brokers.get(name);
    if (!broker) {
      const { clientId, ssl, saslOptions: sasl } = access;
      // Each its own object: kafkajs keeps what it derives from it there.
      const options = { host, port, clientId, ssl, sasl: sasl && { ...sasl } };
      broker = vendorBroker({ ...options, connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS }, nodeId);
      brokers.set(name, broker);
    }
    if (!isReady(broker)) {
      const one = broker;
      const attempt = connecting.get(one) ?? one.connect().finally(() => connecting.delete(one));
      connecting.set(one, attempt);
      try {
        await attempt;
      } catch (error) {
        // A connection that failed halfway, in the middle of a handshake, is not taken up again.
        if (brokers.get(name) === broker) brokers.delete(name);
        void broker.disconnect().catch(() => undefined);
        throw error;
      }
    }
    answered = true;
    return broker;
  };
  const node = async (nodeId: number): Promise<VendorBroker> => {
    const address = addresses.get(nodeId);
    if (!address) throw new BrokerRefusal(8);
    return brokerAt(address.host, address.port, nodeId);
  };
  const any = async (): Promise<VendorBroker> => {
    const connected = [...brokers.values()].find(isReady);
    if (connected) return connected;
    const known = [...addresses.values(), ...access.seeds];
    const first = Math.floor(random() * known.length);
    const turned = [...known.slice(first), ...known.slice(0, first)];
    const isBlamed = ({ host, port }: { readonly host: string; readonly port: number }): boolean => `${host}:${port}` === blamed;
    let failure: unknown;
    for (const { host, port } of [...turned.filter((each) => !isBlamed(each)), ...turned.filter(isBlamed)]) {
      try {
        return await brokerAt(host, port, null);
      } catch (error) {
        blame(error);
        // What nobody can heal by waiting is told before what may pass.
        if (failure === undefined || (isCredentialTrouble(error) && !isCredentialTrouble(failure))) failure = error;
      }
    }
    throw failure;
  };

  const blame: Brokers['blame'] = (error) => {
    if (!(error instanceof Error && error.name === 'KafkaJSRequestTimeoutError' && 'broker' in error)) return;
    const name = String(error.broker);
    blamed = name;
    const broker = brokers.get(name);
    brokers.delete(name);
    void broker?.disconnect().catch(() => undefined);
  };
  const askMetadata = async (broker: VendorBroker, name: string): Promise<Metadata> => {
    const range = broker.versions?.[METADATA];
    if (range && range.minVersion <= METADATA_VERSION && range.maxVersion >= METADATA_VERSION)
      return broker.connectionPool.send(metadataRequest(name));
    return olderMetadata(broker, name);
  };
  const askTopic = async (name: string): Promise<TopicMetadata | null> => {
    forgotten.delete(name);
    const metadata = await askMetadata(await any(), name);
    addresses.clear();
    for (const address of metadata.brokers) addresses.set(address.nodeId, address);
    controllerId = metadata.controllerId;
    const { topic } = metadata;
    const before = topics.get(name);
    if (topic.errorCode === CODE.unknownTopic) {
      if (before && clock.nowMs() - before.atMs < DOUBT_MS) throw new BrokerRefusal(topic.errorCode);
      topics.delete(name);
      return null;
    }
    if (topic.errorCode !== CODE.none) throw new BrokerRefusal(topic.errorCode);
    topics.set(name, { topic, atMs: clock.nowMs() });
    return topic;
  };
  const topic: Brokers['topic'] = (name, maxAgeMs) => {
    const known = topics.get(name);
    if (known && !forgotten.has(name) && clock.nowMs() - known.atMs < maxAgeMs) return Promise.resolve(known.topic);
    const running = asking.get(name) ?? askTopic(name).finally(() => asking.delete(name));
    asking.set(name, running);
    return running;
  };
  const pause: Brokers['pause'] = async ({ policy, attempt, what, error }) => {
    const failedTry = attempt + 1;
    const delayMs = Math.min(LONGEST_PAUSE_MS, retryDelayMs(RETRY_POLICIES[policy], failedTry, random()));
    tellRetry(options, { service: 'log', operation: what }, { tries: null })({ failedTry, delayMs, error });
    await clock.sleep(delayMs, stop.signal);
  };

  return {
    topic,
    leader: async (name, partition) => {
      const found = await topic(name, LEADERS_MS);
      const nodeId = found?.leaders.get(partition);
      if (nodeId === undefined) throw new BrokerRefusal(CODE.unknownTopic);
      if (nodeId < 0) throw new BrokerRefusal(5);
      return node(nodeId);
    },
    any,
    controller: async () => (controllerId === null || controllerId < 0 ? any() : node(controllerId)),
    coordinator: async (group) => {
      const { coordinator } = await (await any()).findGroupCoordinator({ groupId: group, coordinatorType: 0 });
      return brokerAt(coordinator.host, coordinator.port, coordinator.nodeId);
    },
    fetch: async (broker, protocol) => {
      // Two calls that both find it closed would open it twice and lose the first.
      const connection =
        fetchConnections.get(broker) ?? broker.connectionPool.getConnection(1).finally(() => fetchConnections.delete(broker));
      fetchConnections.set(broker, connection);
      await connection;
      return broker.connectionPool.send(protocol);
    },
    forget: (name) => void forgotten.add(name),
    patiently: async (what, work, patience) => {
      const startedAtMs = clock.nowMs();
      for (let attempt = 0; ; attempt++) {
        if (closed()) throw closedError(what);
        try {
          return await work();
        } catch (error) {
          const mostMs = patience ?? (answered ? patienceMs : firstPatienceMs);
          if (closed()) throw closedError(what, error);
          if (!isPassing(error) || clock.nowMs() - startedAtMs >= mostMs) throw kafkaFailure(error, what, access);
          blame(error);
          for (const name of topics.keys()) forgotten.add(name);
          await pause({ policy: 'db', attempt, what, error });
        }
      }
    },
    blame,
    pause,
    closed,
    stopTrying: () => stop.abort(),
    close: async () => {
      stop.abort();
      await Promise.all([...brokers.values()].map((broker) => broker.disconnect().catch(() => undefined)));
      brokers.clear();
    },
  };
}

/** Brokers before Kafka 2.8 don't know the identity of topics. */
async function olderMetadata(broker: VendorBroker, name: string): Promise<Metadata> {
  try {
    const { brokers, controllerId, topicMetadata } = await broker.metadata([name]);
    const partitions = topicMetadata.find(({ topic }) => topic === name)?.partitionMetadata ?? [];
    const leaders = new Map(
      partitions.map(({ partitionId, leader }) => [partitionId, leader] as const).toSorted(([a], [b]) => a - b),
    );
    return { brokers, controllerId, topic: { errorCode: leaders.size === 0 ? CODE.unknownTopic : CODE.none, id: null, leaders } };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === CODE.unknownTopic)) throw error;
    return { brokers: [], controllerId: -1, topic: { errorCode: CODE.unknownTopic, id: null, leaders: new Map() } };
  }
}

const closedError = (what: string, cause?: unknown): KeystoneError =>
  new KeystoneError('KS_LOG', `the connection to Kafka was closed: ${what} was not done`, { cause });
