/**
 * The HTTP/JSON door: `POST /v1/events/{dataset}` for those who have no gRPC, over the same intake, identities and limits.
 *
 * What is slow, too large or unreadable costs itself: headers and bodies have a time in which to arrive, bodies a size each and over
 * all, connections a number; thousands that only dribble push out each other (`http-connections.ts`).
 */
import http from 'node:http';
import https from 'node:https';
import type { Server, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { getRequestListener } from '@hono/node-server';
import type { Clock } from '../../clock.js';
import { messageOf } from '../../errors.js';
import { uuidV7Source } from '../../event/uuid-v7.js';
import type { Admit } from '../client.js';
import type { ConnectionLimits } from '../grpc/connection-front.js';
import type { DoorTls } from '../door-tls.js';
import type { TellRefusal } from '../refusal-log.js';
import type { EventIntake } from '../event-intake.js';
import { httpApp } from './http-app.js';
import { httpConnections } from './http-connections.js';
import { listenOn } from '../listen-on.js';
import type { Health } from './http-shapes.js';
import { PROBLEM_JSON, problemOf, rawProblem, type ProblemKind } from './problem-json.js';
import { createReadingBudget } from './reading-budget.js';

export interface HttpDoorOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly intake: EventIntake;
  readonly admit: Admit;
  /** Null: no TLS. */
  readonly tls: DoorTls | null;
  readonly limits: ConnectionLimits;
  readonly maxBodyBytes: number;
  /** Resolves when the log could take an event now; rejects with what keeps it from it. */
  readonly checkLog: () => Promise<unknown>;
  /** What `/healthz` tells; absent: that the process lives. */
  readonly health?: () => Health;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Absent: refusals are told to the client alone. */
  readonly tellRefusal?: TellRefusal | undefined;
}

export interface HttpDoor {
  readonly port: number;
  /** The next handshakes get this certificate. */
  renew(tls: DoorTls): void;
  /** Takes no new connection or request; resolves once all that were taken are answered, or after `drainMs`. */
  drain(drainMs: number): Promise<void>;
  connections(): number;
}

const MAX_HEADER_BYTES = 16_384;
const READY_MS = 2_000;
const DRAIN_LOOK_MS = 20;

/** Node's error of an unreadable request → what is answered. */
function problemOfError(code: string): { readonly kind: ProblemKind; readonly reason: string } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { kind: 'timeout', reason: 'Request Timeout' };
  if (code === 'HPE_HEADER_OVERFLOW') return { kind: 'header-too-large', reason: 'Request Header Fields Too Large' };
  return { kind: 'malformed', reason: 'Bad Request' };
}

/** The greeting of HTTP/2, with which gRPC clients begin: `PRI * HTTP/2.0`. */
const isHttp2 = (error: Error & { readonly rawPacket?: Buffer }): boolean =>
  error.rawPacket?.subarray(0, 16).toString('latin1').startsWith('PRI * HTTP/2.0') === true;

/** A TLS socket whose handshake is not done. */
const isUnsecured = (socket: Socket): boolean => socket instanceof TLSSocket && socket.getProtocol() === null;

const secureContext = ({ cert, key, ca, minVersion }: DoorTls): https.ServerOptions => ({
  cert,
  key,
  minVersion,
  ...(ca === undefined ? {} : { ca }),
});

/** Listens; rejects with the socket's error. */
export async function startHttpDoor(options: HttpDoorOptions): Promise<HttpDoor> {
  const { limits, tls, clock } = options;
  const connections = httpConnections(limits.connections);
  const newId = uuidV7Source(clock, options.randomBytes);
  let isDraining = false;

  const whyNotReady = async (): Promise<string | null> => {
    if (isDraining) return 'the server is going down';
    const waited = new AbortController();
    const late = clock.sleep(READY_MS, waited.signal).then(() => `the log did not answer within ${READY_MS} ms`);
    const checked = options.checkLog().then(
      () => null,
      (error: unknown) => `the log does not answer: ${messageOf(error)}`,
    );
    const why = await Promise.race([checked, late]);
    waited.abort();
    return why;
  };
  const app = httpApp({
    intake: options.intake,
    admit: options.admit,
    maxBodyBytes: options.maxBodyBytes,
    reading: createReadingBudget(limits.arrivingBytes, limits.arrivingBytesPerAddress),
    whyNotReady,
    health: options.health ?? (() => ({ status: 'ok' })),
    newId,
    tellRefusal: options.tellRefusal,
    onWhole: (incoming) => connections.isWhole(incoming),
  });
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    // The URL or the host cannot be read: no route has seen it.
    errorHandler: () => {
      const problem = problemOf('malformed', 'the address of the request cannot be read', `urn:uuid:${newId()}`);
      return new Response(JSON.stringify(problem), {
        status: 400,
        headers: { 'content-type': PROBLEM_JSON, connection: 'close' },
      });
    },
  });
  const refuse = (outgoing: http.ServerResponse, kind: ProblemKind, detail: string, headers: http.OutgoingHttpHeaders): void => {
    const problem = problemOf(kind, detail, `urn:uuid:${newId()}`);
    const body = Buffer.from(JSON.stringify(problem));
    outgoing.writeHead(problem.status, {
      'content-type': PROBLEM_JSON,
      'content-length': body.length,
      connection: 'close',
      ...headers,
    });
    outgoing.end(body);
  };
  const serve = (incoming: http.IncomingMessage, outgoing: http.ServerResponse): void => {
    connections.began(incoming, outgoing);
    if (incoming.method === 'GET' || incoming.method === 'HEAD') connections.isWhole(incoming);
    if (isDraining)
      return refuse(outgoing, 'unavailable', 'the server is going down; send again to another', { 'retry-after': '1' });
    void listener(incoming, outgoing);
  };

  const createServer = (): Server => {
    const serverOptions: http.ServerOptions = {
      headersTimeout: limits.requestTimeMs,
      requestTimeout: limits.requestTimeMs,
      connectionsCheckingInterval: Math.min(1000, Math.max(10, limits.requestTimeMs / 4)),
      keepAliveTimeout: limits.idleMs,
      maxHeaderSize: MAX_HEADER_BYTES,
      noDelay: true,
      // A peer that is gone without a word is noticed by the kernel.
      keepAlive: true,
      keepAliveInitialDelay: limits.requestTimeMs,
    };
    const server = tls
      ? https.createServer({
          ...serverOptions,
          ...secureContext(tls),
          requestCert: tls.requestCert,
          rejectUnauthorized: tls.rejectUnauthorized,
          handshakeTimeout: limits.requestTimeMs,
        })
      : http.createServer(serverOptions);
    // Covers who does not read the answer.
    server.timeout = Math.max(limits.idleMs, limits.requestTimeMs);
    server.prependListener('connection', (socket: Socket) => {
      socket.on('error', () => socket.destroy());
      connections.opened(socket);
    });
    server.on('request', serve);
    // Without a listener Node would ask for the body of a request that is refused by its header alone.
    server.on('checkContinue', serve);
    server.on('checkExpectation', (incoming: http.IncomingMessage, outgoing: http.ServerResponse) => {
      connections.began(incoming, outgoing);
      refuse(
        outgoing,
        'expectation',
        `the expectation ${JSON.stringify(incoming.headers.expect)} is not known; 100-continue is`,
        {},
      );
    });
    server.on('clientError', (error: Error & { readonly code?: string }, socket: Socket) => {
      const code = error.code ?? '';
      if (code === 'ECONNRESET') return void socket.destroy();
      if (code === 'ERR_SSL_HTTP_REQUEST') {
        const detail = 'this port speaks TLS: use https://';
        return connections.unencrypted(socket, rawProblem(problemOf('malformed', detail, `urn:uuid:${newId()}`), 'Bad Request'));
      }
      // Nothing can be said over a handshake that is not done; what is written would wait for it, and the connection with it.
      if (code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_') || isUnsecured(socket)) return connections.unsecured(socket);
      const { kind, reason } = problemOfError(code);
      const detail = isHttp2(error)
        ? 'this port speaks HTTP/1.1: gRPC is spoken on the other port of the server (ingest.port)'
        : kind === 'timeout'
          ? `the request did not arrive within ${limits.requestTimeMs} ms`
          : `no HTTP request: ${error.message}`;
      connections.broken(socket, rawProblem(problemOf(kind, detail, `urn:uuid:${newId()}`), reason));
    });
    return server;
  };

  const { servers, port } = await listenOn(options.host, options.port, createServer);
  return {
    port,
    renew(renewed) {
      for (const server of servers) if (server instanceof https.Server) server.setSecureContext(secureContext(renewed));
    },
    async drain(drainMs) {
      isDraining = true;
      for (const server of servers) server.close();
      for (let waitedMs = 0; waitedMs < drainMs; waitedMs += DRAIN_LOOK_MS) {
        connections.closeUnproven();
        if (connections.size() === 0) return;
        await clock.sleep(DRAIN_LOOK_MS);
      }
      connections.closeAll();
    },
    connections: () => connections.size(),
  };
}
