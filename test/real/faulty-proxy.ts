/** Stands between a client and an HTTP server and does what networks do: loses answers, cuts them short, holds them back, refuses. */
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface SeenRequest {
  readonly method: string;
  /** Path with query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * `reset`: the connection ends before the server sees the request. `slow`: the request is held back for two seconds.
 * `lose`: the server does it and nobody hears of it. `cut`: half of the body arrives. `hang`: nothing arrives, ever. A number: refused with this
 * status before the server sees it (`code` in the body). `pretend`: what the server refuses is answered as done.
 */
export type Fault =
  | 'none'
  | 'reset'
  | 'slow'
  | 'lose'
  | 'cut'
  | 'hang'
  | 'pretend'
  | { readonly status: number; readonly code: string };

export interface FaultyProxy {
  readonly endpoint: string;
  readonly seen: readonly SeenRequest[];
  /** Asked for every request; until it is set nothing goes wrong. */
  setFault(fault: (seen: SeenRequest, nth: number) => Fault): void;
}

const SLOW_MS = 2000;

export async function faultyProxy(target: string): Promise<FaultyProxy> {
  const seen: SeenRequest[] = [];
  let faultOf: (seen: SeenRequest, nth: number) => Fault = () => 'none';
  const to = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const one: SeenRequest = { method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers };
    const fault = faultOf(one, seen.length);
    seen.push(one);
    incoming.on('error', () => undefined);
    if (fault === 'hang') return void incoming.resume();
    if (fault === 'reset') return void incoming.destroy();
    if (typeof fault === 'object') return refuse(incoming, outgoing, fault);
    const onward = request(
      { host: to.hostname, port: to.port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('error', () => outgoing.destroy());
        answer.on('end', () => {
          const body = Buffer.concat(parts);
          if (fault === 'lose') return void outgoing.destroy();
          if (fault === 'pretend' && (answer.statusCode === 412 || answer.statusCode === 400)) {
            outgoing.writeHead(200, { ETag: '"pretended"' });
            return void outgoing.end(answer.statusCode === 400 ? '{}' : '');
          }
          outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
          if (fault !== 'cut') return void outgoing.end(body);
          outgoing.write(body.subarray(0, Math.floor(body.length / 2)), () => outgoing.destroy());
        });
      },
    );
    onward.on('error', () => outgoing.destroy());
    if (fault === 'slow') setTimeout(() => incoming.pipe(onward), SLOW_MS).unref();
    else incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    setFault: (fault) => {
      faultOf = fault;
    },
  };
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse, { status, code }: { status: number; code: string }): void {
  incoming.resume();
  incoming.on('end', () => {
    if (incoming.headers['x-amz-target'] !== undefined) {
      outgoing.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.1' });
      return void outgoing.end(JSON.stringify({ __type: code, message: 'made up by a test' }));
    }
    outgoing.writeHead(status, { 'Content-Type': 'application/xml' });
    outgoing.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>made up by a test</Message></Error>`);
  });
}
