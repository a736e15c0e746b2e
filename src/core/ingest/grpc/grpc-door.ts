/**
 * The gRPC door: the founding service and keystone.ingestion.v1, health v1 and reflection, on one port. grpc-js speaks the protocol;
 * the sockets in front of it are ours (`connection-front.ts`).
 */
import type { Http2Server } from 'node:http2';
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import type { Clock } from '../../clock.js';
import type { Admit } from '../client.js';
import type { DoorTls } from '../door-tls.js';
import type { EventIntake } from '../event-intake.js';
import type { TellRefusal } from '../refusal-log.js';
import { addressOf, cannotListen } from '../server-address.js';
import { createCallGate } from './call-gate.js';
import { createConnectionFront, type ConnectionLimits } from './connection-front.js';
import { DoorCredentials } from './grpc-credentials.js';
import { addHealth } from './health-service.js';
import {
  FOUNDING_SERVICE,
  foundingService,
  INGESTION_V1_SERVICE,
  ingestionV1Methods,
  ingestionV1Service,
} from './ingest-services.js';
import { addReflection, REFLECTION_PATHS } from './reflection.js';
import { refusingInOrder } from './stream-in-order.js';

export interface GrpcDoorOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly intake: EventIntake;
  readonly admit: Admit;
  /** False: nobody has to prove anything. */
  readonly checks: boolean;
  /** Null: no TLS. */
  readonly tls: DoorTls | null;
  readonly limits: ConnectionLimits;
  readonly maxMessageBytes: number;
  /** Asked for every answer to a health check: names and values of its metadata. */
  readonly healthFacts: () => Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Absent: refusals are told to the client alone. */
  readonly tellRefusal?: TellRefusal | undefined;
}

export interface GrpcDoor {
  readonly port: number;
  /** The next handshakes get this certificate; nothing without TLS. */
  renew(tls: DoorTls): void;
  /** Takes no new connection or call; resolves once all that were taken are answered, which a health watch may never be. */
  finish(): Promise<void>;
  /** Takes nothing more, and lets go of every call and connection at once. */
  close(): void;
  connections(): number;
}

/** Calls that one connection may have open; a client with more waits. */
const CONCURRENT_STREAMS = 1000;
const STREAM_EVENTS = ingestionV1Methods.StreamEvents.path;
const STREAMING_PATHS: ReadonlySet<string> = new Set([STREAM_EVENTS, ...REFLECTION_PATHS]);
/** As health knows them; the empty name is the server. */
const SERVED = ['', FOUNDING_SERVICE, INGESTION_V1_SERVICE];

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
export async function startGrpcDoor(options: GrpcDoorOptions): Promise<GrpcDoor> {
  const { host, port: wantedPort, intake, admit, checks, tls, limits, maxMessageBytes, clock, tellRefusal } = options;
  const gate = createCallGate({ admit, checks, certificateOf: (peer) => front.certificateOf(peer), tellRefusal });
  // grpc-js would print to stderr what we throw or report ourselves.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_concurrent_streams': CONCURRENT_STREAMS,
    // Its per-call bookkeeping is nobody's here and costs throughput.
    'grpc.enable_channelz': 0,
    interceptors: [refusingInOrder(new Set([STREAM_EVENTS]), maxMessageBytes), ...gate.interceptors],
  });
  const draining = new AbortController();
  const serviceDoor = { clientOf: gate.clientOf, tellRefusal };
  for (const { definition, handlers } of [
    foundingService(intake, serviceDoor),
    ingestionV1Service(intake, serviceDoor, draining.signal),
  ])
    server.addService(definition, handlers);
  const health = addHealth(server, options.healthFacts);
  for (const service of SERVED) health.setStatus(service, 'SERVING');
  addReflection(server);

  const secured = tls && new DoorCredentials(tls, limits.requestTimeMs);
  const injector = server.createConnectionInjector(secured ?? ServerCredentials.createInsecure());
  const front = createConnectionFront({
    http2: http2ServerOf(server),
    inject: (socket) => injector.injectConnection(socket),
    limits,
    streamingPaths: STREAMING_PATHS,
    clock,
  });
  const port = await front.listen(host, wantedPort).catch((error: unknown) => {
    server.forceShutdown();
    throw cannotListen(addressOf(host, wantedPort), error instanceof Error ? error : new Error(String(error)));
  });
  return {
    port,
    renew: (renewed) => secured?.renew(renewed),
    finish: () => {
      for (const service of SERVED) health.setStatus(service, 'NOT_SERVING');
      front.stopListening();
      draining.abort();
      return new Promise((resolve) => server.tryShutdown(() => resolve()));
    },
    close: () => {
      front.stopListening();
      server.forceShutdown();
      front.destroyAll();
    },
    connections: () => front.connections(),
  };
}
