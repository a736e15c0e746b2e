/**
 * The parts of kafkajs that this adapter stands on: sockets, TLS, SASL, the negotiation of versions, and its encoding of small requests.
 * Its consumer can't be given partitions and offsets, its producer may take a batch that was never written for a repeated one after a
 * failed send, and its records lose the order of headers; so those layers are not used. The package is pinned to an exact version.
 */
import { createRequire } from 'node:module';

/** A request as `Connection.send` takes it. */
export interface VendorProtocol<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly encode: () => Promise<unknown>;
  };
  readonly response: {
    readonly decode: (payload: Buffer) => Promise<T & { readonly clientSideThrottleTime?: number }>;
    readonly parse: (decoded: T) => Promise<T>;
  };
  readonly requestTimeout?: number;
}

interface VendorConnection {
  /** Milliseconds; 0: it does not end. */
  readonly sessionLifetime: { toString(): string };
  /** When the credentials were shown last, on the process's own clock; null: not on this socket. */
  readonly authenticatedAt: readonly [number, number] | null;
  readonly socket?: object;
}

interface VendorPool {
  readonly host: string;
  readonly port: number;
  /** One for fetches, one for all else. */
  readonly pool: readonly VendorConnection[];
  send<T>(protocol: VendorProtocol<T>): Promise<T>;
  /** Connected; 1 is the one that fetches use. */
  getConnection(index: 0 | 1): Promise<unknown>;
}

interface PartitionOffset {
  readonly partition: number;
  readonly offset: string;
}

export interface VendorBroker {
  readonly connectionPool: VendorPool;
  readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>> | null;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  isConnected(): boolean;
  metadata(topics: readonly string[]): Promise<{
    readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
    readonly controllerId: number;
    readonly topicMetadata: readonly {
      readonly topic: string;
      readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[];
    }[];
  }>;
  listOffsets(request: {
    readonly isolationLevel: 0 | 1;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: number | string }[];
    }[];
  }): Promise<{ readonly responses: readonly { readonly partitions: readonly PartitionOffset[] }[] }>;
  createTopics(request: {
    readonly topics: readonly {
      readonly topic: string;
      readonly numPartitions: number;
      readonly replicationFactor: number;
      readonly configEntries: readonly { readonly name: string; readonly value: string }[];
    }[];
    readonly timeout: number;
  }): Promise<unknown>;
  describeConfigs(request: {
    readonly resources: readonly { readonly type: number; readonly name: string; readonly configNames: readonly string[] }[];
  }): Promise<{
    readonly resources: readonly {
      readonly configEntries: readonly { readonly configName: string; readonly configValue: string }[];
    }[];
  }>;
  initProducerId(request: { readonly transactionalId: null; readonly transactionTimeout: number }): Promise<{
    readonly producerId: string;
    readonly producerEpoch: number;
  }>;
  findGroupCoordinator(request: { readonly groupId: string; readonly coordinatorType: 0 }): Promise<{
    readonly coordinator: { readonly nodeId: number; readonly host: string; readonly port: number };
  }>;
  offsetCommit(request: {
    readonly groupId: string;
    /** -1 and '' outside the group's membership. */
    readonly groupGenerationId: number;
    readonly memberId: string;
    readonly topics: readonly { readonly topic: string; readonly partitions: readonly PartitionOffset[] }[];
  }): Promise<unknown>;
  /** Asks again by itself with the id that the coordinator gives a new member. */
  joinGroup(request: {
    readonly groupId: string;
    readonly sessionTimeout: number;
    readonly rebalanceTimeout: number;
    readonly memberId: string;
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  }): Promise<{
    readonly generationId: number;
    readonly leaderId: string;
    readonly memberId: string;
    /** Given to the leader only. */
    readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
  }>;
  syncGroup(request: {
    readonly groupId: string;
    readonly generationId: number;
    readonly memberId: string;
    readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[];
  }): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
  }): Promise<unknown>;
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
  describeGroups(request: { readonly groupIds: readonly string[] }): Promise<{
    readonly groups: readonly {
      readonly state: string;
      readonly members: readonly {
        readonly memberId: string;
        readonly clientId: string;
        readonly clientHost: string;
        readonly memberMetadata: Buffer;
        readonly memberAssignment: Buffer;
      }[];
    }[];
  }>;
  offsetFetch(request: {
    readonly groupId: string;
    readonly topics: readonly { readonly topic: string; readonly partitions: readonly { readonly partition: number }[] }[];
  }): Promise<{ readonly responses: readonly { readonly partitions: readonly PartitionOffset[] }[] }>;
}

/** As kafkajs takes them; `host`, `port` and the rest of a socket's life are its own. */
export interface VendorConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  readonly ssl: object | null;
  readonly sasl: object | null;
  readonly connectionTimeout: number;
  readonly requestTimeout: number;
}

interface VendorEncoder {
  readonly writeBufferInternal: (buffer: Buffer) => void;
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

interface Vendor {
  readonly Broker: new (options: {
    connectionPool: VendorPool;
    logger: unknown;
    nodeId: number | null;
    allowAutoTopicCreation: boolean;
  }) => VendorBroker;
  readonly ConnectionPool: new (options: object) => VendorPool;
  readonly Encoder: new (size: number) => VendorEncoder;
  readonly logger: unknown;
  readonly socketFactory: unknown;
}

let loaded: Vendor | undefined;

function vendor(): Vendor {
  if (loaded) return loaded;
  const require = createRequire(import.meta.url);
  const { createLogger, LEVELS } = require('kafkajs/src/loggers') as {
    readonly createLogger: (options: object) => unknown;
    readonly LEVELS: { readonly NOTHING: number };
  };
  quietQueue(require('kafkajs/src/network/requestQueue') as { readonly prototype: RequestQueue });
  loaded = {
    Broker: require('kafkajs/src/broker') as Vendor['Broker'],
    ConnectionPool: require('kafkajs/src/network/connectionPool') as Vendor['ConnectionPool'],
    Encoder: require('kafkajs/src/protocol/encoder') as Vendor['Encoder'],
    // What goes wrong is told by the errors that come back; nothing of it belongs on the console.
    logger: createLogger({ level: LEVELS.NOTHING, logCreator: () => () => undefined }),
    socketFactory: (require('kafkajs/src/network/socketFactory') as () => unknown)(),
  };
  return loaded;
}

/**
 * After the first answer a request queue sets a timer to look for waiting requests, and again when it has found none: a thousand times a
 * second, 4 % of a core for a client that does nothing. Here it looks only when something waits; what comes to wait sets the timer itself.
 */
function quietQueue({ prototype }: { readonly prototype: RequestQueue }): void {
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length === 0) return;
    schedule.call(this);
  };
}

/** A connection shows its credentials anew (KIP-368) this long before its session ends, or a share of a short session. */
const RENEW_BEFORE_MS = 10_000;
const RENEW_SHARE = 0.25;

/**
 * kafkajs knows only the fixed time: in a session of less it would show its credentials before every request, and brokers close a
 * connection that does so twice within a second.
 */
function renewInTime(connection: VendorConnection): void {
  Object.defineProperty(connection, 'reauthenticationThreshold', {
    get: () => Math.min(RENEW_BEFORE_MS, Math.floor(Number(connection.sessionLifetime.toString()) * RENEW_SHARE)),
  });
}

/** A broker that is not yet connected. */
export function vendorBroker(options: VendorConnectionOptions, nodeId: number | null): VendorBroker {
  const { Broker, ConnectionPool, logger, socketFactory } = vendor();
  const connectionPool = new ConnectionPool({ ...options, logger, socketFactory, enforceRequestTimeout: true });
  for (const connection of connectionPool.pool) renewInTime(connection);
  return new Broker({ connectionPool, logger, nodeId, allowAutoTopicCreation: false });
}

/** A request's bytes as kafkajs sends them. */
export function vendorBytes(bytes: Buffer): unknown {
  const encoder = new (vendor().Encoder)(bytes.length + 1);
  encoder.writeBufferInternal(bytes);
  return encoder;
}
