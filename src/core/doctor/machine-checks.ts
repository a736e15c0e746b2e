/** Node, clock and the ingest port of this machine. */
import { connect } from 'node:http2';
import { createServer } from 'node:net';
import type { Effects } from '../lakehouse.js';
import { examine, failed, ok, warning, type DoctorCheck } from './doctor-check.js';

/** package.json `engines`: ^20.19.0 || >=22.12.0. */
export function nodeCheck(version: string): DoctorCheck {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const supported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  return supported
    ? ok('node', version)
    : failed('node', 'KS_CONFIG', `${version} is not supported`, 'use Node 20.19 or later, or 22.12 or later');
}

const BEFORE_THIS_VERSION_MS = Date.UTC(2025, 0, 1);
const LONG_AFTER_MS = Date.UTC(2100, 0, 1);

/** Log times and leases come from this clock. */
export function clockCheck(effects: Effects): DoctorCheck {
  const nowMs = effects.clock.nowMs();
  const shown = new Date(nowMs).toISOString();
  return nowMs > BEFORE_THIS_VERSION_MS && nowMs < LONG_AFTER_MS
    ? ok('clock', shown)
    : failed('clock', 'KS_CONFIG', `${shown} cannot be right`, 'set the clock by NTP');
}

const ANSWER_WITHIN_MS = 2000;

/** Free, or held by a Keystone server that is serving, with TLS or without. */
export async function portCheck(host: string, port: number, tls = false): Promise<DoctorCheck> {
  if (port === 0) return ok('ingest port', 'any free one');
  const address = `${host}:${port}`;
  return examine('ingest port', 'KS_PORT_IN_USE', async () => {
    const problem = await listenOnce(host, port);
    if (problem === undefined) return ok('ingest port', `${address} is free`);
    if (problem !== 'EADDRINUSE')
      return failed(
        'ingest port',
        'KS_CONFIG',
        `${address} cannot be listened on (${problem})`,
        'choose another with --set ingest.host=… or --set ingest.port=…',
      );
    const answer = await askHealth(host, port, tls);
    if (answer === 'certificate wanted')
      return warning(
        'ingest port',
        `${address} is taken by a server that asks for a client certificate`,
        'when it is not Keystone, choose another port: --set ingest.port=50052',
      );
    if (answer === 'serving') return ok('ingest port', `a Keystone server is serving on ${address}`);
    return failed(
      'ingest port',
      'KS_PORT_IN_USE',
      `${address} is taken by another program`,
      'stop it, or choose another port: --set ingest.port=50052',
    );
  });
}

/** The error's code, undefined when it worked. */
const listenOnce = (host: string, port: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });

type HealthAnswer = 'serving' | 'certificate wanted' | 'something else';

/** Asks gRPC's health service (https://grpc.io/docs/guides/health-checking/) about Keystone's own service; who holds the port matters here, not whether its certificate is trusted. */
const askHealth = (host: string, port: number, tls: boolean): Promise<HealthAnswer> =>
  new Promise((resolve) => {
    const session = connect(`${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`, {
      rejectUnauthorized: false,
    });
    const answer = (serving: boolean, error?: Error & { readonly code?: string }): void => {
      session.destroy();
      const wanted = /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/.test(error?.code ?? '');
      resolve(serving ? 'serving' : wanted ? 'certificate wanted' : 'something else');
    };
    session.setTimeout(ANSWER_WITHIN_MS, () => answer(false));
    session.once('error', (error) => answer(false, error));
    const call = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    call.once('error', (error) => answer(false, error));
    call.once('trailers', (trailers) => answer(trailers['grpc-status'] === '0'));
    call.once('end', () => setTimeout(() => answer(false), 100).unref());
    call.resume();
    const service = Buffer.from('keystone.ingestion.v1.Ingestion');
    const message = Buffer.concat([Buffer.from([0x0a, service.length]), service]);
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(message.length, 1);
    call.end(Buffer.concat([frame, message]));
  });

/** Variables that were meant for Keystone and are none of its settings. */
export function variablesCheck(unknown: readonly string[]): DoctorCheck {
  if (unknown.length === 0) return ok('environment', 'no unknown KEYSTONE_* variable');
  return warning('environment', `unknown: ${unknown.join(', ')}`, 'docs/configuration.md lists the variables');
}
