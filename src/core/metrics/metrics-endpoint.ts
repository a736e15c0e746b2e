/** The page of Prometheus over HTTP: `GET /metrics`, and nothing else. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KeystoneError, messageOf } from '../errors.js';
import type { PrometheusMetrics } from './prometheus.js';

export interface MetricsEndpoint {
  /** e.g. `http://127.0.0.1:9464/metrics` */
  readonly url: string;
  close(): Promise<void>;
}

const REQUEST_MS = 10_000;

/** @throws KeystoneError KS_PORT_IN_USE, KS_CONFIG when the address is none of this machine. */
export async function openMetricsEndpoint(
  prometheus: PrometheusMetrics,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<MetricsEndpoint> {
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
    // A body that nobody asked for is not waited for.
    request.resume();
    const [path] = (request.url ?? '').split('?');
    if (path !== '/metrics') return void response.writeHead(404).end('Not found: GET /metrics\n');
    if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end();
    prometheus.page().then(
      ({ text, contentType }) => response.writeHead(200, { 'content-type': contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  }).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') {
      throw new KeystoneError('KS_PORT_IN_USE', `Metrics cannot be served on ${host}:${port}: the port is taken`, {
        hint: 'Choose another one: --metrics-port 0 takes a free one.',
        cause: error,
      });
    }
    throw new KeystoneError('KS_CONFIG', `Metrics cannot be served on ${host}:${port}: ${messageOf(error)}`, {
      hint: 'Set metrics.host to an address of this machine, and metrics.port to one that you may take.',
      cause: error,
    });
  });
  // A page that fails must not end what it tells about.
  server.on('error', () => undefined);
  // A command that is done does not stay for its page.
  server.unref();
  const { address, port: taken, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
