/** Addresses of the ingest server: where to send, as a person writes it, and why one cannot be listened on. */
import { KeystoneError } from '../errors.js';

/** A host name, an IPv4 address, or an IPv6 address in brackets, and a port. */
const HOST_AND_PORT = /^(?<host>\[[^\]]+\]|[^:\s/[\]]+):(?<port>\d{1,5})$/;

/** `host:port`, an IPv6 host in brackets. */
export const addressOf = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** The host, without brackets. @throws KeystoneError KS_USAGE for what is no `host:port`. */
export function hostOfAddress(address: string): string {
  const { host, port } = HOST_AND_PORT.exec(address)?.groups ?? {};
  if (host === undefined || !(Number(port) >= 1 && Number(port) <= 65_535)) {
    throw new KeystoneError('KS_USAGE', `${JSON.stringify(address)} is no address of a server: it has to be host:port`, {
      hint: 'write it like 127.0.0.1:50051',
    });
  }
  return host.replaceAll(/[[\]]/g, '');
}

/** `cause` is the error of binding `wanted` (`host:port`), `flag` the one that names another port. */
export function cannotListen(wanted: string, cause: Error, flag: '--port' | '--http-port' = '--port'): KeystoneError {
  const host = wanted.slice(0, wanted.lastIndexOf(':'));
  if (/EADDRINUSE/.test(cause.message)) {
    return new KeystoneError('KS_PORT_IN_USE', `${wanted} is in use by another process`, {
      hint: `keystone ingest serve ${flag} 0`,
      cause,
    });
  }
  const why = /EADDRNOTAVAIL/.test(cause.message)
    ? `${host} is no address of this machine`
    : /Name resolution failed|ENOTFOUND|EAI_/.test(cause.message)
      ? `the host ${host} is not known`
      : /EACCES/.test(cause.message)
        ? 'this user may not take that port'
        : cause.message;
  return new KeystoneError('KS_USAGE', `cannot listen on ${wanted}: ${why}`, {
    hint: /EACCES/.test(cause.message) ? `keystone ingest serve ${flag} 50051` : 'keystone ingest serve --host 127.0.0.1',
    cause,
  });
}
