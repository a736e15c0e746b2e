/**
 * Why no gRPC connection came about: gRPC says no more than that it did not. One plain connection and one handshake tell whether
 * anybody is there, whether he speaks TLS, and whose certificate displeased whom.
 */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { KeystoneError, messageOf } from '../../errors.js';
import type { ServerAccess } from '../server-access.js';
import { hostOfAddress } from '../server-address.js';

const PROBE_MS = 2_000;
/** A server refuses a client's certificate after the client's side of the handshake is done (TLS 1.3). */
const VERDICT_MS = 300;

type Probe =
  | { readonly kind: 'connected' }
  /** `wasReady`: the handshake was done on this side, and the other refused then. */
  | { readonly kind: 'failed'; readonly error: Error & { readonly code?: string }; readonly wasReady: boolean };

/** Opens a socket, waits for `ready` and a moment more, and says what became of it. */
function probe(open: () => ReturnType<typeof connectTcp>, ready: 'connect' | 'secureConnect', moreMs: number): Promise<Probe> {
  return new Promise((resolve) => {
    const socket = open();
    let isReady = false;
    const end = (outcome: Probe): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const failed = (error: Error): void => end({ kind: 'failed', error, wasReady: isReady });
    let timer = setTimeout(() => failed(new Error('no answer')), PROBE_MS);
    socket.on('error', failed);
    socket.once('close', () => failed(new Error(isReady ? 'closed by the server' : 'closed before the handshake was done')));
    socket.once(ready, () => {
      isReady = true;
      clearTimeout(timer);
      timer = setTimeout(() => end({ kind: 'connected' }), moreMs);
    });
    socket.resume();
  });
}

const refused = (message: string, hint: string, cause: Error): KeystoneError =>
  new KeystoneError('KS_CREDENTIALS', message, { hint, cause: new Error(reasonOf(cause)) });

/** OpenSSL's reason without its address, function, source line and line end: `…:SSL routines:f:sslv3 alert bad certificate:…` */
const reasonOf = ({ message }: Error): string =>
  (/:SSL routines:[^:]*:(?<reason>[^:\n]+)/.exec(message)?.groups?.['reason'] ?? message).trim();

const isHttpDoor = (address: string): KeystoneError =>
  new KeystoneError('KS_USAGE', `the server at ${address} speaks HTTP/1.1, and events are sent over gRPC`, {
    hint: 'name its gRPC port (ingest.port; the server tells both when it starts), or POST /v1/events/{dataset} to this one',
  });

/** Asks over HTTP/1.1; a server that answers in it is no gRPC server. */
const answersHttp = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connectTcp({ host, port });
    const end = (isHttp: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isHttp);
    };
    const timer = setTimeout(() => end(false), PROBE_MS);
    socket.on('error', () => end(false));
    socket.once('close', () => end(false));
    socket.once('connect', () => socket.write('OPTIONS / HTTP/1.1\r\nHost: keystone\r\nConnection: close\r\n\r\n'));
    socket.once('data', (chunk: Buffer) => end(chunk.toString('latin1').startsWith('HTTP/1.')));
  });

/** By OpenSSL's and Node's codes; null for one that says nothing about credentials. */
function handshakeProblem(
  address: string,
  error: Error & { readonly code?: string },
  showsCertificate: boolean,
): KeystoneError | null {
  const { code = '', message } = error;
  const text = `${code} ${message}`;
  if (/NO_APPLICATION_PROTOCOL/i.test(text)) return isHttpDoor(address);
  if (
    /WRONG_VERSION_NUMBER|EPROTO|PACKET_LENGTH_TOO_LONG|wrong version number|before the handshake/i.test(text) &&
    !/ALERT/i.test(text)
  )
    return refused(`the server at ${address} speaks no TLS`, 'leave --tls, --tls-ca and --tls-cert out', error);
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/i.test(text) || (/ALERT|closed by the server/i.test(text) && !showsCertificate))
    return refused(`the server at ${address} demands a client certificate`, 'show one: --tls-cert FILE --tls-key FILE', error);
  if (/ALERT|closed by the server|ECONNRESET/i.test(text) && showsCertificate) {
    const why = /EXPIRED/i.test(text)
      ? ': it has expired'
      : /UNKNOWN_CA/i.test(text)
        ? ': its authority is not trusted there'
        : '';
    return refused(
      `the server at ${address} did not accept the client certificate${why}`,
      'check --tls-cert and --tls-key',
      error,
    );
  }
  if (code === 'CERT_HAS_EXPIRED')
    return refused(`the certificate of the server at ${address} has expired`, 'renew it on the server', error);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return refused(
      `the certificate of the server is not for ${address}: ${message}`,
      'use the name that the certificate is for',
      error,
    );
  if (/SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_SIGNATURE|CERT_UNTRUSTED/.test(code))
    return refused(
      `the certificate of the server at ${address} is not signed by an authority that is trusted here`,
      'name its authority: --tls-ca FILE',
      error,
    );
  return null;
}

/** Null when nothing explains it: nobody is there, or he is no ingest server. */
export async function diagnoseServer(address: string, { tls }: ServerAccess): Promise<KeystoneError | null> {
  const host = hostOfAddress(address);
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  if ((await probe(() => connectTcp({ host, port }), 'connect', 0)).kind === 'failed') return null;
  const common = { host, port, servername: /^[\d.]+$|:/.test(host) ? '' : host, ALPNProtocols: ['h2'] };
  if (tls === null) {
    const spoken = await probe(() => connectTls({ ...common, rejectUnauthorized: false }), 'secureConnect', 0);
    // An alert is spoken TLS too, e.g. by a server that misses a client certificate.
    if (spoken.kind === 'failed' && !spoken.wasReady && !/ALERT/i.test(String(spoken.error.code)))
      return (await answersHttp(host, port)) ? isHttpDoor(address) : null;
    return refused(
      `the server at ${address} speaks TLS, and was spoken to without`,
      'name its authority: --tls-ca FILE, or --tls if this machine trusts it',
      new Error('it answered a TLS handshake'),
    );
  }
  const { ca, cert, key } = tls;
  try {
    const options = { ...common, ...(ca ? { ca } : {}), ...(cert && key ? { cert, key } : {}) };
    const shaken = await probe(() => connectTls(options), 'secureConnect', VERDICT_MS);
    return shaken.kind === 'failed' ? handshakeProblem(address, shaken.error, cert !== null) : null;
  } catch (error) {
    // A key that is not this certificate's, or no key at all, is found when the handshake is prepared.
    return refused(
      `the client certificate cannot be used: ${messageOf(error)}`,
      'check --tls-cert and --tls-key',
      error as Error,
    );
  }
}
