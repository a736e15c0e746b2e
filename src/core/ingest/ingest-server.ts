/**
 * The ingest server: the gRPC door (`grpc-door.ts`) and, where it is asked for, the HTTP door (`http-door.ts`), over one intake.
 *
 * A client holds an acknowledgement only once its event is durable in the log. Draining (on the signal): no new connection or call is
 * taken, what was taken is committed and answered, then the server is gone.
 */
import type { Clock } from '../clock.js';
import type { Contract } from '../contract/contract.js';
import type { KeyMode } from '../event/business-key.js';
import type { EventLog, NewRecord } from '../log/event-log.js';
import type { Admit } from './client.js';
import { createDoorIntakes } from './door-intakes.js';
import type { DoorTls, TlsConfig } from './door-tls.js';
import type { IngestTotals } from './event-intake.js';
import type { ConnectionLimits } from './grpc/connection-front.js';
import { startGrpcDoor } from './grpc/grpc-door.js';
import type { HttpDoor, HttpDoorOptions } from './http/http-door.js';
import type { IngestMeter } from './ingest-meter.js';
import type { IngestServerEvent } from './ingest-server-event.js';
import type { TellRefusal } from './refusal-log.js';
import { addressOf, cannotListen } from './server-address.js';
import { servingHealth } from './serving-health.js';
import type { ServingLevel } from './serving-level.js';
import type { SpooledAppends } from './spool/spooled-appends.js';
import { watchTls } from './watch-tls.js';

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
const DEFAULT_LIMITS = { connections: 4096, idleMs: 300_000, requestTimeMs: 30_000 };

/** Everybody, by remote address. */
const admitAll: Admit = ({ remoteAddress }) => ({ kind: 'admitted', client: { name: remoteAddress, producer: null } });

/**
 * Listens; resolves once the port is open.
 * @throws KeystoneError KS_PORT_IN_USE when the address is taken, KS_USAGE when it is none of this machine's.
 */
export async function startIngestServer(options: IngestServerOptions): Promise<IngestServer> {
  const { log, spool, topic, host, httpPort, maxMessageBytes, maxInFlightBytes, clock, signal } = options;
  if (!spool) await log.ensureTopic(topic, options.partitions);
  const intakes = createDoorIntakes({
    ...options,
    append: spool ? spool.append : (records: readonly NewRecord[]) => log.append(topic, records),
    onAppendFailed: (message) => options.onEvent?.({ kind: 'appendFailed', message }),
  });
  const health = servingHealth(options);
  const door = {
    host,
    admit: options.admit ?? admitAll,
    tls: options.tls?.door ?? null,
    limits: options.connectionLimits ?? {
      ...DEFAULT_LIMITS,
      arrivingBytes: maxInFlightBytes,
      arrivingBytesPerAddress: maxInFlightBytes,
    },
    clock,
    tellRefusal: options.tellRefusal,
  };
  const grpc = await startGrpcDoor({
    ...door,
    port: options.port,
    intake: intakes.grpc,
    checks: options.admit !== undefined,
    maxMessageBytes,
    healthFacts: health.facts,
  });
  const http =
    httpPort === undefined
      ? null
      : await openHttpDoor({
          ...door,
          port: httpPort,
          intake: intakes.http,
          maxBodyBytes: maxMessageBytes,
          checkLog: health.checkLog,
          health: health.page,
          randomBytes: options.randomBytes,
        }).catch((error: unknown) => {
          grpc.close();
          throw error;
        });
  if (options.tls) {
    const { door: current, files, everyMs } = options.tls;
    void watchTls({
      tls: files,
      current,
      everyMs,
      clock,
      signal,
      onRenewed: (tls) => {
        grpc.renew(tls);
        http?.renew(tls);
        options.onEvent?.({ kind: 'certificate', problem: null });
      },
      onProblem: (problem) => options.onEvent?.({ kind: 'certificate', problem }),
    });
  }
  const httpAddress = http && addressOf(host, http.port);
  options.onEvent?.({ kind: 'listening', address: addressOf(host, grpc.port), httpAddress });

  const drain = async (): Promise<IngestTotals> => {
    options.onEvent?.({ kind: 'draining' });
    const drainMs = options.drainMs ?? DRAIN_MS;
    const waited = new AbortController();
    const answered = grpc.finish();
    const httpDrained = http?.drain(drainMs);
    await intakes.flush();
    await Promise.race([answered, clock.sleep(drainMs, waited.signal)]);
    await httpDrained;
    waited.abort();
    grpc.close();
    await intakes.flush();
    return intakes.totals();
  };
  const closed = new Promise<IngestTotals>((resolve, reject) => {
    const start = (): void => void drain().then(resolve, reject);
    if (signal.aborted) start();
    else signal.addEventListener('abort', start, { once: true });
  });
  const connections = (): number => grpc.connections() + (http?.connections() ?? 0);
  return { host, port: grpc.port, httpPort: http?.port ?? null, closed, totals: intakes.totals, connections };
}

/** @throws KeystoneError KS_PORT_IN_USE, KS_USAGE as for the gRPC port. */
async function openHttpDoor(options: HttpDoorOptions): Promise<HttpDoor> {
  const { startHttpDoor } = await import('./http/http-door.js');
  return startHttpDoor(options).catch((error: unknown) => {
    const cause = error instanceof Error ? error : new Error(String(error));
    throw cannotListen(addressOf(options.host, options.port), cause, '--http-port');
  });
}
