/**
 * The connections of the HTTP door: how many there may be and which one makes room (`connection-room.ts`), and that a connection on
 * which something unreadable came is answered, but never in the middle of an answer that is still to come.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { connectionRoom } from '../grpc/connection-room.js';

export interface HttpConnections {
  /** A TCP connection was taken; under TLS before its handshake. */
  opened(socket: Socket): void;
  /** A request's header has arrived. */
  began(incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** Its body has, too. */
  isWhole(incoming: IncomingMessage): void;
  /** What came on it cannot be read, or did not come in time: `answer` is the last that is sent. */
  broken(socket: Socket, answer: string): void;
  /** Its TLS handshake failed, or was not done in time. */
  unsecured(socket: Socket): void;
  /** It speaks in the clear where TLS is spoken: `answer` is sent in the clear, too. */
  unencrypted(socket: Socket, answer: string): void;
  /** Lets go of every connection that is not at work on a whole request. */
  closeUnproven(): void;
  closeAll(): void;
  size(): number;
}

interface Connection {
  readonly socket: Socket;
  /** Requests whose header has come and whose answer is not out. */
  open: number;
  /** Those of them that are whole. */
  whole: number;
  closesWhenAnswered: boolean;
}

/** A TLS socket has the same name as the TCP socket below it. */
const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

export function httpConnections(maxConnections: number): HttpConnections {
  const room = connectionRoom<Connection>(maxConnections);
  const connections = new Map<string, Connection>();
  const wholeOnes = new WeakSet<IncomingMessage>();

  return {
    opened(socket) {
      const connection: Connection = { socket, open: 0, whole: 0, closesWhenAnswered: false };
      const displaced = room.enter(connection);
      displaced?.socket.destroy();
      if (displaced === connection) return;
      const name = nameOf(socket);
      connections.set(name, connection);
      socket.once('close', () => {
        room.leave(connection);
        if (connections.get(name) === connection) connections.delete(name);
      });
    },
    began(incoming, outgoing) {
      const connection = connections.get(nameOf(incoming.socket));
      if (!connection) return;
      connection.open++;
      room.busy(connection);
      outgoing.once('close', () => {
        connection.open--;
        if (wholeOnes.has(incoming)) connection.whole--;
        if (connection.open > 0) return;
        room.idle(connection);
        if (connection.closesWhenAnswered) incoming.socket.destroySoon();
      });
    },
    isWhole(incoming) {
      const connection = connections.get(nameOf(incoming.socket));
      if (!connection || wholeOnes.has(incoming)) return;
      wholeOnes.add(incoming);
      connection.whole++;
      room.proved(connection);
    },
    broken(socket, answer) {
      const connection = connections.get(nameOf(socket));
      if (connection && connection.whole > 0) {
        connection.closesWhenAnswered = true;
        return;
      }
      if (!socket.writable) return void socket.destroy();
      socket.write(answer);
      socket.destroySoon();
    },
    unsecured(socket) {
      socket.destroy();
      connections.get(nameOf(socket))?.socket.destroy();
    },
    unencrypted(socket, answer) {
      const below = connections.get(nameOf(socket))?.socket;
      if (below?.writable === true) below.end(answer, () => below.destroySoon());
      else socket.destroy();
    },
    closeUnproven() {
      for (const { socket, open } of connections.values()) if (open === 0) socket.destroySoon();
    },
    closeAll() {
      for (const { socket } of connections.values()) socket.destroy();
    },
    size: () => room.size(),
  };
}
