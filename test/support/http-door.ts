/** Talks to an HTTP door over raw sockets, so that a test decides about every byte and every pause. */
import net, { type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { IngestServerOptions } from '../../src/core/ingest/ingest-server.js';
import { openDoor, type Door } from './ingest-door.js';

export interface HttpDoorUnderTest extends Door {
  readonly url: string;
  readonly port: number;
}

export async function openHttpDoor(options: Partial<IngestServerOptions> = {}): Promise<HttpDoorUnderTest> {
  const door = await openDoor({ httpPort: 0, ...options });
  const port = door.server.httpPort ?? 0;
  return { ...door, port, url: `http://127.0.0.1:${port}` };
}

export const LIMITS = {
  connections: 100,
  idleMs: 60_000,
  requestTimeMs: 30_000,
  arrivingBytes: 10_000_000,
  arrivingBytesPerAddress: 10_000_000,
};

export const JSON_TYPE = { 'content-type': 'application/json' };
export const NDJSON_TYPE = { 'content-type': 'application/x-ndjson' };

/** What the door answered; the body parsed. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export async function post(
  door: { readonly url: string },
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
  path = '/v1/events/orders',
): Promise<Answered> {
  const answer = await fetch(`${door.url}${path}`, {
    method: 'POST',
    headers,
    body: body as string,
    signal: AbortSignal.timeout(10_000),
  });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
}

export interface RawConnection {
  readonly socket: Socket;
  received(): string;
  /** Resolves when the door has closed it. */
  readonly closed: Promise<void>;
}

export function rawConnection(port: number): Promise<RawConnection> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => resolve({ socket, received: () => received, closed }));
  });
}

/** Sends the text, and resolves to everything that comes until the door closes the connection. */
export async function rawExchange(port: number, text: string): Promise<string> {
  const connection = await rawConnection(port);
  connection.socket.write(text);
  await connection.closed;
  return connection.received();
}

/** The head of a POST; `length` announces the body. */
export const postHead = (length: number, ...more: readonly string[]): string =>
  `${['POST /v1/events/orders HTTP/1.1', 'Host: x', 'Content-Type: application/json', `Content-Length: ${length}`, ...more].join('\r\n')}\r\n\r\n`;
