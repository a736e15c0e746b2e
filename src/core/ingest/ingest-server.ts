/**
 * The ingest server: the founding service and keystone.ingestion.v1, health v1 and reflection, on one gRPC port.
 *
 * A client holds an acknowledgement only once its event is durable in the log. Draining (on the signal): no new connection or call is
 * taken, what was taken is committed and answered, then the server is gone.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, protoPath as healthProto } from 'grpc-health-check';
import type { Clock } from '../clock.js';
import type { Contract } from '../contract/contract.js';
import { messageOf } from '../errors.js';
import type { KeyMode } from '../event/business-key.js';
import type { EventLog } from '../log/event-log.js';
import { eventAcceptor } from './accept-event.js';
import type { Admit } from './client.js';
import { createClientLimits } from './client-limits.js';
import { createEventIntake } from './event-intake.js';
import { createGroupCommit } from './group-commit.js';
import { createInFlightBudget } from './in-flight-budget.js';
import { FOUNDING_SERVICE, foundingService, INGESTION_V1_SERVICE, ingestionV1Service, type ClientOf } from './ingest-services.js';
import { addressOf, cannotListen } from './server-address.js';

export interface IngestServerOptions {
  readonly log: EventLog;
  readonly topic: string;
  /** Partitions of the topic if it has to be created. */
  readonly partitions: number;
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly defaultDataset: string;
  readonly keyMode: KeyMode;
  /** Fixed wait before a group commit; 0 commits when the event loop is free. */
  readonly lingerMs: number;
  readonly maxMessageBytes: number;
  readonly maxInFlightBytes: number;
  /** Absent: everybody, by remote address. */
  readonly admit?: Admit;
  /** Of each client; absent: none but `maxInFlightBytes`. */
  readonly limits?: {
    readonly eventsPerSecond: number | undefined;
    readonly bytesPerSecond: number | undefined;
    readonly inFlightBytes: number;
  };
  /** Longest wait for open calls while draining, e.g. a health watch that never ends. */
  readonly drainMs?: number;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Aborted: drain. */
  readonly signal: AbortSignal;
  readonly onEvent?: (event: IngestServerEvent) => void;
}

export type IngestServerEvent =
  | { readonly kind: 'listening'; readonly address: string }
  | { readonly kind: 'appendFailed'; readonly message: string }
  | { readonly kind: 'draining' };

export interface IngestTotals {
  readonly accepted: number;
  readonly refused: number;
}

export interface IngestServer {
  readonly host: string;
  readonly port: number;
  /** Resolves after the drain. */
  readonly closed: Promise<IngestTotals>;
  totals(): IngestTotals;
}

const DRAIN_MS = 10_000;
const FAILURE_QUIET_MS = 10_000;
/** `proto/` lies beside `src/` and `dist/` alike. */
const PROTO_DIR = fileURLToPath(new URL('../../../proto/', import.meta.url));

/** All protos that the server speaks, as reflection shows them. */
const reflection = (): ReflectionService => {
  const ours = [path.join(PROTO_DIR, 'ingestion.proto'), path.join(PROTO_DIR, 'keystone/ingestion/v1/ingestion.proto')];
  return new ReflectionService({ ...loadSync(ours, { includeDirs: [PROTO_DIR] }), ...loadSync(healthProto) });
};

/**
 * Listens; resolves once the port is open.
 * @throws KeystoneError KS_PORT_IN_USE when the address is taken, KS_USAGE when it is none of this machine's.
 */
export async function startIngestServer(options: IngestServerOptions): Promise<IngestServer> {
  const { log, topic, signal } = options;
  await log.ensureTopic(topic, options.partitions);
  const commits = createGroupCommit({ append: (records) => log.append(topic, records), lingerMs: options.lingerMs });
  let lastFailureMs = Number.NEGATIVE_INFINITY;
  const intake = createEventIntake({
    topic,
    accept: eventAcceptor({ ...options, defaultSource: 'grpc' }),
    budget: createInFlightBudget(options.maxInFlightBytes),
    limits: createClientLimits({
      ...(options.limits ?? {
        eventsPerSecond: undefined,
        bytesPerSecond: undefined,
        inFlightBytes: options.maxInFlightBytes,
      }),
      clock: options.clock,
    }),
    commits,
    onAppendFailed: (error) => {
      // While the log is away every request fails: say so now and then, not for each.
      const nowMs = options.clock.nowMs();
      if (nowMs - lastFailureMs < FAILURE_QUIET_MS) return;
      lastFailureMs = nowMs;
      options.onEvent?.({ kind: 'appendFailed', message: messageOf(error) });
    },
  });

  const clientOf: ClientOf = (call) => ({ name: call.getPeer().replace(/:\d+$/, ''), producer: null });
  // grpc-js would print to stderr what we throw or report ourselves.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.max_receive_message_length': options.maxMessageBytes,
    // Two servers on one port would share the clients at random: the second must fail.
    'grpc.so_reuseport': 0,
    // Its per-call bookkeeping is nobody's here and costs throughput.
    'grpc.enable_channelz': 0,
  });
  for (const { definition, handlers } of [foundingService(intake, clientOf), ingestionV1Service(intake, clientOf)])
    server.addService(definition, handlers);
  const health = new HealthImplementation();
  const served = ['', FOUNDING_SERVICE, INGESTION_V1_SERVICE];
  for (const service of served) health.setStatus(service, 'SERVING');
  health.addToServer(server);
  reflection().addToServer(server);

  const wanted = addressOf(options.host, options.port);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(wanted, ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(cannotListen(wanted, error));
      else resolve(bound);
    });
  });
  options.onEvent?.({ kind: 'listening', address: addressOf(options.host, port) });

  const drain = async (): Promise<IngestTotals> => {
    options.onEvent?.({ kind: 'draining' });
    for (const service of served) health.setStatus(service, 'NOT_SERVING');
    const stopped = new AbortController();
    const answered = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    await commits.flush();
    await Promise.race([answered, options.clock.sleep(options.drainMs ?? DRAIN_MS, stopped.signal)]);
    stopped.abort();
    server.forceShutdown();
    await commits.flush();
    return intake.totals();
  };
  const closed = new Promise<IngestTotals>((resolve, reject) => {
    const start = (): void => void drain().then(resolve, reject);
    if (signal.aborted) start();
    else signal.addEventListener('abort', start, { once: true });
  });
  return { host: options.host, port, closed, totals: () => intake.totals() };
}
