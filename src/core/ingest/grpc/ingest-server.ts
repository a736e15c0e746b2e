/**
 * The ingest server: the founding service and keystone.ingestion.v1, health v1 and reflection, on one gRPC port; where it is asked for,
 * the HTTP door (`http-door.ts`) over the same intake.
 *
 * A client holds an acknowledgement only once its event is durable in the log. Draining (on the signal): no new connection or call is
 * taken, what was taken is committed and answered, then the server is gone.
 */
import type { Http2Server } from 'node:http2';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProto } from 'grpc-health-check';
import type { Clock } from '../../clock.js';
import type { Contract } from '../../contract/contract.js';
import { KeystoneError, messageOf } from '../../errors.js';
import type { KeyMode } from '../../event/business-key.js';
import type { EventLog, NewRecord } from '../../log/event-log.js';
import { eventAcceptor } from '../accept-event.js';
import type { Admit } from '../client.js';
import { createCallGate } from './call-gate.js';
import { createClientLimits } from '../client-limits.js';
import { createConnectionFront, type ConnectionLimits } from './connection-front.js';
import type { DoorTls, TlsConfig } from '../door-tls.js';
import { createEventIntake, type EventIntake } from '../event-intake.js';
import { createGroupCommit } from '../group-commit.js';
import { DoorCredentials } from './grpc-credentials.js';
import { addHealth } from './health-service.js';
import type { HttpDoor } from '../http/http-door.js';
import type { Health } from '../http/http-shapes.js';
import { createInFlightBudget } from '../in-flight-budget.js';
import type { IngestMeter } from '../ingest-meter.js';
import type { TellRefusal } from '../refusal-log.js';
import {
  FOUNDING_SERVICE,
  foundingService,
  INGESTION_V1_SERVICE,
  ingestionV1Service,
  ingestionV1Methods,
} from './ingest-services.js';
import type { Level } from '../../resilience/degradation.js';
import { withProtocDescriptors } from './reflected-protos.js';
import { addressOf, cannotListen } from '../server-address.js';
import type { ServingLevel } from '../serving-level.js';
import type { SpoolState } from '../spool/spool-mode.js';
import type { SpooledAppends } from '../spool/spooled-appends.js';
import { refusingInOrder } from './stream-in-order.js';
import { watchTls } from '../watch-tls.js';

export interface IngestServerOptions {
  readonly log: EventLog;
  /** What keeps events while the log is away; absent: they are refused then. The caller closes it after the drain. */
  readonly spool?: Pick<SpooledAppends, 'append' | 'state'> | undefined;
  /** The level of degradation as it is known, for the health of both doors; absent: they say nothing of it. */
  readonly level?: (() => ServingLevel) | undefined;
  readonly topic: string;
  /** Partitions of the topic if it has to be created. */
  readonly partitions: number;
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Port of the HTTP door; 0 takes a free one. Absent: no HTTP door. */
  readonly httpPort?: number | undefined;
  readonly defaultDataset: string;
  readonly keyMode: KeyMode;
  /** Fixed wait before a group commit; 0 commits when the event loop is free. */
  readonly lingerMs: number;
  readonly maxMessageBytes: number;
  readonly maxInFlightBytes: number;
  /** Absent: everybody, by remote address. */
  readonly admit?: Admit;
  /** Absent: no TLS. `files` are looked at for renewed certificates every `everyMs`. */
  readonly tls?: { readonly door: DoorTls; readonly files: TlsConfig; readonly everyMs: number } | undefined;
  readonly connectionLimits?: ConnectionLimits;
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
  /** Absent: refusals are told to the clients alone. */
  readonly tellRefusal?: TellRefusal | undefined;
  /** Absent: nobody counts. */
  readonly meter?: IngestMeter | undefined;
  /** Aborted: drain. */
  readonly signal: AbortSignal;
  readonly onEvent?: (event: IngestServerEvent) => void;
}

export type IngestServerEvent =
  /** `httpAddress` is null without an HTTP door. */
  | { readonly kind: 'listening'; readonly address: string; readonly httpAddress: string | null }
  | { readonly kind: 'appendFailed'; readonly message: string }
  /** The certificate's files have changed; `problem` says why the old certificate stays in use, null: the new one is. */
  | { readonly kind: 'certificate'; readonly problem: string | null }
  | { readonly kind: 'warning'; readonly message: string }
  /** Where accepted events go has changed, or was not the log at the start; and the level of degradation meanwhile. */
  | { readonly kind: 'mode'; readonly state: SpoolState; readonly level: ServingLevel['level'] }
  /** The level of degradation has changed, or was not full at the start. */
  | { readonly kind: 'degradation'; readonly from: Level; readonly to: Level; readonly causes: readonly string[] }
  /** It ends, and so many accepted events still wait for the log. */
  | { readonly kind: 'leftInSpool'; readonly events: number }
  | { readonly kind: 'draining' };

export interface IngestTotals {
  readonly accepted: number;
  readonly refused: number;
}

export interface IngestServer {
  readonly host: string;
  readonly port: number;
  /** Null without an HTTP door. */
  readonly httpPort: number | null;
  /** Resolves after the drain. */
  readonly closed: Promise<IngestTotals>;
  totals(): IngestTotals;
  /** Open now. */
  connections(): number;
}

const DRAIN_MS = 10_000;
const FAILURE_QUIET_MS = 10_000;
/** Calls that one connection may have open; a client with more waits. */
const CONCURRENT_STREAMS = 1000;
const DEFAULT_LIMITS = { connections: 4096, idleMs: 300_000, requestTimeMs: 30_000 };
const STREAMING_PATHS: ReadonlySet<string> = new Set([
  ingestionV1Methods.StreamEvents.path,
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
]);
/** `proto/` lies beside `src/` and `dist/` alike. */
const PROTO_DIR = fileURLToPath(new URL('../../../../proto/', import.meta.url));

/** All protos that the server speaks, as reflection shows them: under their own names, which some clients write. */
const reflection = (): ReflectionService => {
  const ours = [path.join(PROTO_DIR, 'ingestion.proto'), path.join(PROTO_DIR, 'keystone/ingestion/v1/ingestion.proto')];
  const definitions = {
    ...loadSync(ours, { includeDirs: [PROTO_DIR], keepCase: true }),
    ...loadSync(healthProto, { keepCase: true }),
  };
  return new ReflectionService(withProtocDescriptors(definitions));
};

/** The HTTP/2 server behind a connection injector. grpc-js keeps it to itself: its sessions tell what no hook of grpc-js tells. */
function http2ServerOf(server: Server): Http2Server {
  const { http2Servers } = server as unknown as { readonly http2Servers?: ReadonlyMap<Http2Server, unknown> };
  const [http2] = http2Servers?.keys() ?? [];
  if (!http2) throw new Error('grpc-js has no http2Servers any more: connection-front.ts cannot watch its sessions');
  return http2;
}

/**
 * Listens; resolves once the port is open.
 * @throws KeystoneError KS_PORT_IN_USE when the address is taken, KS_USAGE when it is none of this machine's.
 */
export async function startIngestServer(options: IngestServerOptions): Promise<IngestServer> {
  const { log, topic, signal } = options;
  const { spool } = options;
  if (!spool) await log.ensureTopic(topic, options.partitions);
  const { meter, tellRefusal } = options;
  const kept = spool ? spool.append : (records: readonly NewRecord[]) => log.append(topic, records);
  const append = meter ? (records: readonly NewRecord[]) => meter.timed(() => kept(records)) : kept;
  const commits = createGroupCommit({ append, lingerMs: options.lingerMs });
  let lastFailureMs = Number.NEGATIVE_INFINITY;
  const intakeOptions = {
    topic,
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
    meter,
    tellRefusal,
    onAppendFailed: (error: Error) => {
      // While the log is away every request fails: say so now and then, not for each.
      const nowMs = options.clock.nowMs();
      if (nowMs - lastFailureMs < FAILURE_QUIET_MS) return;
      lastFailureMs = nowMs;
      options.onEvent?.({ kind: 'appendFailed', message: messageOf(error) });
    },
  };
  // The doors share everything but the source of an event that names none.
  const intake = createEventIntake({
    ...intakeOptions,
    door: 'grpc',
    accept: eventAcceptor({ ...options, defaultSource: 'grpc' }),
  });
  const httpIntake = createEventIntake({
    ...intakeOptions,
    door: 'http',
    accept: eventAcceptor({ ...options, defaultSource: 'http' }),
  });
  const totals = (): IngestTotals => {
    const [grpc, http] = [intake.totals(), httpIntake.totals()];
    return { accepted: grpc.accepted + http.accepted, refused: grpc.refused + http.refused };
  };

  const connectionLimits = options.connectionLimits ?? {
    ...DEFAULT_LIMITS,
    arrivingBytes: options.maxInFlightBytes,
    arrivingBytesPerAddress: options.maxInFlightBytes,
  };
  const admit: Admit =
    options.admit ?? (({ remoteAddress }) => ({ kind: 'admitted', client: { name: remoteAddress, producer: null } }));
  const gate = createCallGate({
    admit,
    checks: options.admit !== undefined,
    certificateOf: (peer) => front.certificateOf(peer),
    tellRefusal,
  });
  // grpc-js would print to stderr what we throw or report ourselves.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.max_receive_message_length': options.maxMessageBytes,
    'grpc.max_concurrent_streams': CONCURRENT_STREAMS,
    // Its per-call bookkeeping is nobody's here and costs throughput.
    'grpc.enable_channelz': 0,
    interceptors: [
      refusingInOrder(new Set([ingestionV1Methods.StreamEvents.path]), options.maxMessageBytes),
      ...gate.interceptors,
    ],
  });
  const draining = new AbortController();
  const serviceDoor = { clientOf: gate.clientOf, tellRefusal };
  for (const { definition, handlers } of [
    foundingService(intake, serviceDoor),
    ingestionV1Service(intake, serviceDoor, draining.signal),
  ])
    server.addService(definition, handlers);
  const health = addHealth(server, () => ({
    ...(options.level ? { 'keystone-degradation': options.level().level } : {}),
    ...(spool ? { 'keystone-ingest-mode': spool.state().mode } : {}),
  }));
  const served = ['', FOUNDING_SERVICE, INGESTION_V1_SERVICE];
  for (const service of served) health.setStatus(service, 'SERVING');
  reflection().addToServer(server);

  const credentials = options.tls
    ? new DoorCredentials(options.tls.door, connectionLimits.requestTimeMs)
    : ServerCredentials.createInsecure();
  const injector = server.createConnectionInjector(credentials);
  const front = createConnectionFront({
    http2: http2ServerOf(server),
    inject: (socket) => injector.injectConnection(socket),
    limits: connectionLimits,
    streamingPaths: STREAMING_PATHS,
    clock: options.clock,
  });
  const wanted = addressOf(options.host, options.port);
  const port = await front.listen(options.host, options.port).catch((error: unknown) => {
    server.forceShutdown();
    throw cannotListen(wanted, error instanceof Error ? error : new Error(String(error)));
  });
  const http =
    options.httpPort === undefined
      ? null
      : await openHttpDoor({ ...options, httpPort: options.httpPort, intake: httpIntake, admit, connectionLimits }).catch(
          (error: unknown) => {
            front.stopListening();
            front.destroyAll();
            server.forceShutdown();
            throw error;
          },
        );
  if (options.tls && credentials instanceof DoorCredentials) {
    const { door, files, everyMs } = options.tls;
    void watchTls({
      tls: files,
      current: door,
      everyMs,
      clock: options.clock,
      signal,
      onRenewed: (tls) => {
        credentials.renew(tls);
        http?.renew(tls);
        options.onEvent?.({ kind: 'certificate', problem: null });
      },
      onProblem: (problem) => options.onEvent?.({ kind: 'certificate', problem }),
    });
  }
  const httpAddress = http && addressOf(options.host, http.port);
  options.onEvent?.({ kind: 'listening', address: addressOf(options.host, port), httpAddress });

  const drain = async (): Promise<IngestTotals> => {
    options.onEvent?.({ kind: 'draining' });
    for (const service of served) health.setStatus(service, 'NOT_SERVING');
    const stopped = new AbortController();
    front.stopListening();
    draining.abort();
    const drainMs = options.drainMs ?? DRAIN_MS;
    const answered = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    const httpDrained = http?.drain(drainMs);
    await commits.flush();
    await Promise.race([answered, options.clock.sleep(drainMs, stopped.signal)]);
    await httpDrained;
    stopped.abort();
    server.forceShutdown();
    front.destroyAll();
    await commits.flush();
    return totals();
  };
  const closed = new Promise<IngestTotals>((resolve, reject) => {
    const start = (): void => void drain().then(resolve, reject);
    if (signal.aborted) start();
    else signal.addEventListener('abort', start, { once: true });
  });
  const connections = (): number => front.connections() + (http?.connections() ?? 0);
  return { host: options.host, port, httpPort: http?.port ?? null, closed, totals, connections };
}

/** @throws KeystoneError KS_PORT_IN_USE, KS_USAGE as for the gRPC port. */
async function openHttpDoor(
  options: IngestServerOptions & {
    readonly httpPort: number;
    readonly intake: EventIntake;
    readonly admit: Admit;
    readonly connectionLimits: ConnectionLimits;
  },
): Promise<HttpDoor> {
  const { host, httpPort: port, log, spool, level, topic, tls, clock, randomBytes, intake, admit } = options;
  const { startHttpDoor } = await import('../http/http-door.js');
  return startHttpDoor({
    host,
    port,
    intake,
    admit,
    tls: tls?.door ?? null,
    limits: options.connectionLimits,
    maxBodyBytes: options.maxMessageBytes,
    checkLog: spool ? async () => checkSpool(spool.state()) : () => log.bounds(topic),
    health: () => ({
      status: 'ok',
      ...(level ? { degradation: healthOfLevel(level()) } : {}),
      ...(spool ? { spool: healthOfSpool(spool.state()) } : {}),
    }),
    clock,
    randomBytes,
    tellRefusal: options.tellRefusal,
  }).catch((error: unknown) => {
    throw cannotListen(addressOf(host, port), error instanceof Error ? error : new Error(String(error)), '--http-port');
  });
}

/** Events can be kept as long as the spool has room. */
function checkSpool({ mode, problem, bytes }: SpoolState): void {
  if (mode === 'full') throw new KeystoneError('KS_LIMIT', `the spool is full with ${bytes} bytes (${problem ?? 'it drains'})`);
}

const healthOfSpool = ({ mode, sinceMs, events, bytes, oldestMs, problem }: SpoolState): NonNullable<Health['spool']> => ({
  mode,
  since: new Date(sinceMs).toISOString(),
  events,
  bytes,
  oldest: oldestMs === null ? null : new Date(oldestMs).toISOString(),
  problem,
});

const healthOfLevel = ({ level, mode, away }: ServingLevel): NonNullable<Health['degradation']> => ({
  level,
  mode,
  away: [...away],
});
