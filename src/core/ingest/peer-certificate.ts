/** What the other end of a TLS connection has proved by its certificate, the same for gRPC and HTTP. */
import { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';

export type PeerCertificate =
  | { readonly kind: 'none' }
  /** One `NAME=value` a line. */
  | { readonly kind: 'verified'; readonly subject: string }
  /** Shown, and not what `ingest.tls.clientCa` signs, or out of its time; only where certificates are optional: else the handshake fails. */
  | { readonly kind: 'unverified'; readonly reason: string };

export const NO_CERTIFICATE: PeerCertificate = { kind: 'none' };

/** OpenSSL's words for the verification errors that people meet. */
const PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
};

/** Asked once the handshake is done. */
export function peerCertificate(socket: Socket): PeerCertificate {
  if (!(socket instanceof TLSSocket)) return NO_CERTIFICATE;
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return NO_CERTIFICATE;
  if (socket.authorized) return { kind: 'verified', subject: certificate.subject };
  // Node types it as an Error and gives OpenSSL's code as text.
  const problem = String(socket.authorizationError);
  return { kind: 'unverified', reason: PROBLEMS[problem] ?? 'it is not signed by an authority that this server trusts' };
}
