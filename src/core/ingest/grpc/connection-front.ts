/**
 * The sockets in front of the gRPC server. grpc-js counts no connections, waits for ever for a preface, closes idle and half-open
 * ones only as far as the peer helps, and knows of a request only when it is whole; so the listening sockets are ours, and each
 * connection is handed to it with an eye on what comes.
 *
 * - At most so many connections (`connection-room.ts`), each greeted within the request time (TLS handshake, preface, settings).
 * - A request that is not whole after the request time is answered DEADLINE_EXCEEDED; bytes of requests that are not whole are
 *   bounded for each address and over all.
 * - A connection without calls is closed after the idle time, one whose peer answers no ping after the request time.
 */
import type { Http2Server, Http2Session, ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../clock.js';
import { singleRequest, streamOfRequests, type ArrivingRequest } from './arriving-request.js';
import { connectionRoom } from './connection-room.js';
import { listenOn } from '../listen-on.js';
import { NO_CERTIFICATE, peerCertificate, type PeerCertificate } from '../peer-certificate.js';

export interface ConnectionFrontOptions {
  /** grpc-js's own server behind a connection injector. */
  readonly http2: Http2Server;
  readonly inject: (socket: Socket) => void;
  readonly limits: ConnectionLimits;
  /** Paths of methods with a stream of requests. */
  readonly streamingPaths: ReadonlySet<string>;
  readonly clock: Clock;
}

export interface ConnectionLimits {
  readonly connections: number;
  readonly idleMs: number;
  readonly requestTimeMs: number;
  /** Bytes of requests that are not whole: of one remote address, and over all. */
  readonly arrivingBytesPerAddress: number;
  readonly arrivingBytes: number;
}

export interface ConnectionFront {
  /** Listens on every address of the host; resolves to the port. Rejects with the socket's error. */
  listen(host: string, port: number): Promise<number>;
  /** The certificate of a call's connection, by gRPC's name of the peer (`address:port`). */
  certificateOf(peer: string): PeerCertificate;
  /** Takes no new connections. */
  stopListening(): void;
  /** Lets go of every connection at once. */
  destroyAll(): void;
  connections(): number;
}

interface Connection {
  readonly socket: Socket;
  readonly peer: string;
  readonly address: string;
  readonly openedMs: number;
  certificate: PeerCertificate;
  session: Http2Session | null;
  isGreeted: boolean;
  readonly requests: Map<ServerHttp2Stream, ArrivingRequest>;
  /** Since when it has no call; null while it has. */
  idleSinceMs: number | null;
  closingSinceMs: number | null;
  bytesReadAtPing: number;
  pingSentMs: number;
  isPingOpen: boolean;
}

/** How long a peer may take to close after it was told to. */
const CLOSE_GRACE_MS = 5_000;
const LONGEST_SWEEP_MS = 1_000;

const peerName = ({
  remoteAddress,
  remotePort,
}: {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}): string => `${remoteAddress}:${remotePort}`;

/** Answers a call whose request never became whole: grpc-js has not told its handler of it. */
function refuseCall(stream: ServerHttp2Stream, code: number, details: string): void {
  if (stream.destroyed || stream.closed) return;
  // grpc-js would take the reset for the request's end, and keep an event whose client is told that it came too late.
  stream.removeAllListeners('end');
  if (stream.headersSent) {
    stream.close(constants.NGHTTP2_CANCEL);
    return;
  }
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc+proto', 'grpc-status': code, 'grpc-message': encodeURI(details) },
    { endStream: true },
  );
  stream.close(constants.NGHTTP2_NO_ERROR);
}

export function createConnectionFront(options: ConnectionFrontOptions): ConnectionFront {
  const { http2, limits, clock } = options;
  const room = connectionRoom<Connection>(limits.connections);
  const connections = new Map<string, Connection>();
  const ofSession = new WeakMap<Http2Session, Connection>();
  const arrivingOf = new Map<string, number>();
  let arriving = 0;
  let listening: readonly Server[] = [];
  let sweeper: NodeJS.Timeout | undefined;

  const addArriving = ({ address }: Connection, bytes: number): void => {
    if (bytes === 0) return;
    arriving += bytes;
    const rest = (arrivingOf.get(address) ?? 0) + bytes;
    if (rest <= 0) arrivingOf.delete(address);
    else arrivingOf.set(address, rest);
  };

  const accept = (socket: Socket): void => {
    const peer = peerName(socket);
    // It was gone before it was taken.
    if (socket.remoteAddress === undefined) return void socket.destroy();
    const nowMs = clock.nowMs();
    const connection: Connection = {
      socket,
      peer,
      address: socket.remoteAddress,
      openedMs: nowMs,
      certificate: NO_CERTIFICATE,
      session: null,
      isGreeted: false,
      requests: new Map(),
      idleSinceMs: nowMs,
      closingSinceMs: null,
      bytesReadAtPing: 0,
      pingSentMs: nowMs,
      isPingOpen: false,
    };
    const displaced = room.enter(connection);
    displaced?.socket.destroy();
    if (displaced === connection) return;
    connections.set(peer, connection);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      room.leave(connection);
      if (connections.get(peer) === connection) connections.delete(peer);
    });
    options.inject(socket);
  };

  const onStream = (stream: ServerHttp2Stream, headers: { readonly ':path'?: string }): void => {
    const connection = stream.session && ofSession.get(stream.session);
    if (!connection) return;
    const request = options.streamingPaths.has(headers[':path'] ?? '') ? streamOfRequests() : singleRequest(clock.nowMs());
    connection.requests.set(stream, request);
    connection.idleSinceMs = null;
    room.busy(connection);
    let held = 0;
    const account = (): void => {
      const now = request.heldBytes();
      addArriving(connection, now - held);
      held = now;
      if (request.isWhole()) room.proved(connection);
    };
    // grpc-js has paused the stream before: listening to it does not make it flow.
    stream.on('data', (chunk: Buffer) => {
      if (!connection.requests.has(stream)) return;
      request.arrived(chunk, clock.nowMs());
      account();
      const ofAddress = arrivingOf.get(connection.address) ?? 0;
      if (arriving <= limits.arrivingBytes && ofAddress <= limits.arrivingBytesPerAddress) return;
      refuseCall(stream, status.RESOURCE_EXHAUSTED, 'too many bytes of unfinished requests; slow down and send again');
    });
    stream.once('end', () => {
      request.ended();
      account();
    });
    stream.once('close', () => {
      connection.requests.delete(stream);
      addArriving(connection, -held);
      held = 0;
      if (connection.requests.size > 0) return;
      connection.idleSinceMs = clock.nowMs();
      room.idle(connection);
    });
  };

  const onSession = (session: Http2Session): void => {
    // A session that is over already has no socket.
    const socket: Socket | TLSSocket | undefined = session.socket;
    const connection = socket && connections.get(peerName(socket));
    if (!connection) {
      session.destroy();
      return;
    }
    ofSession.set(session, connection);
    connection.session = session;
    session.once('remoteSettings', () => {
      connection.isGreeted = true;
    });
  };

  const ping = (connection: Connection, session: Http2Session, nowMs: number): void => {
    connection.bytesReadAtPing = connection.socket.bytesRead;
    connection.pingSentMs = nowMs;
    if (session.destroyed || session.closed) return;
    connection.isPingOpen = session.ping((error) => {
      if (!error) connection.isPingOpen = false;
    });
  };

  const cutSlowRequests = ({ requests }: Connection, nowMs: number): void => {
    for (const [stream, request] of requests) {
      const sinceMs = request.owesSinceMs();
      if (sinceMs === null || nowMs - sinceMs < limits.requestTimeMs) continue;
      refuseCall(stream, status.DEADLINE_EXCEEDED, `the request did not arrive within ${limits.requestTimeMs} ms`);
    }
  };

  const look = (connection: Connection, nowMs: number): void => {
    const { socket, session, closingSinceMs, idleSinceMs } = connection;
    if (closingSinceMs !== null) {
      if (nowMs - closingSinceMs >= CLOSE_GRACE_MS) socket.destroy();
      return;
    }
    if (!connection.isGreeted || !session) {
      if (nowMs - connection.openedMs >= limits.requestTimeMs) socket.destroy();
      return;
    }
    if (idleSinceMs !== null && nowMs - idleSinceMs >= limits.idleMs) {
      connection.closingSinceMs = nowMs;
      session.close();
      return;
    }
    cutSlowRequests(connection, nowMs);
    if (nowMs - connection.pingSentMs < limits.requestTimeMs) return;
    // A long upload may hold back the answer; bytes without a call are no sign of life.
    if (idleSinceMs === null && socket.bytesRead > connection.bytesReadAtPing) connection.isPingOpen = false;
    if (connection.isPingOpen) socket.destroy();
    else ping(connection, session, nowMs);
  };

  const sweep = (): void => {
    const nowMs = clock.nowMs();
    for (const connection of connections.values()) look(connection, nowMs);
  };

  http2.on('session', onSession);
  http2.on('stream', onStream);
  http2.on('secureConnection', (socket: TLSSocket) => {
    const connection = connections.get(peerName(socket));
    if (connection) connection.certificate = peerCertificate(socket);
  });

  return {
    async listen(host, port) {
      const opened = await listenOn(host, port, () => createServer({ noDelay: true }, accept));
      listening = opened.servers;
      sweeper = setInterval(sweep, Math.min(LONGEST_SWEEP_MS, Math.max(10, limits.requestTimeMs / 4)));
      return opened.port;
    },
    certificateOf: (peer) => connections.get(peer)?.certificate ?? NO_CERTIFICATE,
    stopListening() {
      for (const server of listening) server.close();
      listening = [];
    },
    destroyAll() {
      clearInterval(sweeper);
      for (const { socket } of connections.values()) socket.destroy();
    },
    connections: () => room.size(),
  };
}
