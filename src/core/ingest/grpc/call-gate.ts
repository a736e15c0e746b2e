/**
 * Who makes a gRPC call, decided from its metadata before a byte of the request is kept. Health checks are open (whoever watches a
 * server has no token); reflection is open only where nobody has to prove anything.
 */
import { ServerInterceptingCall, status, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import type { Admission, Admit, Client } from '../client.js';
import type { ClientOf } from './ingest-services.js';
import type { PeerCertificate } from '../peer-certificate.js';

export interface CallGate {
  /** To be given to the server. */
  readonly interceptors: ServerInterceptor[];
  readonly clientOf: ClientOf;
}

export interface CallGateOptions {
  readonly admit: Admit;
  /** False: nobody proves anything, and calls are not intercepted at all. */
  readonly checks: boolean;
  readonly certificateOf: (peer: string) => PeerCertificate;
}

const OPEN_TO_ALL = /^\/grpc\.health\.v1\.Health\//;
const NOBODY: Client = { name: 'unknown', producer: null };

const addressOfPeer = (peer: string): string => peer.replace(/:\d+$/, '');

export function createCallGate({ admit, checks, certificateOf }: CallGateOptions): CallGate {
  const admitted = new WeakMap<Metadata, Client>();

  const admission = (peer: string, metadata: Metadata | null): Admission => {
    const certificate = certificateOf(peer);
    if (certificate.kind === 'unverified')
      return { kind: 'refused', reason: `the client certificate is not valid: ${certificate.reason}` };
    const given = metadata?.get('authorization') ?? [];
    return admit({
      certificateSubject: certificate.kind === 'verified' ? certificate.subject : null,
      authorization: given.length === 0 ? null : given.map(String).join(', '),
      remoteAddress: addressOfPeer(peer),
    });
  };

  const interceptor: ServerInterceptor = (method, call) => {
    if (OPEN_TO_ALL.test(method.path)) return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, pass) => {
            const decision = admission(call.getPeer(), metadata);
            if (decision.kind === 'refused') {
              call.sendStatus({ code: status.UNAUTHENTICATED, details: decision.reason, metadata: null });
              return;
            }
            // Nothing behind the gate needs it, so nothing can show it.
            metadata.remove('authorization');
            admitted.set(metadata, decision.client);
            pass(metadata);
          },
        });
      },
    });
  };

  return {
    interceptors: checks ? [interceptor] : [],
    clientOf: (call) => {
      const known = admitted.get(call.metadata);
      if (known) return known;
      const decision = checks ? null : admission(call.getPeer(), null);
      if (decision === null) throw new Error('a call came past the gate');
      return decision.kind === 'admitted' ? decision.client : NOBODY;
    },
  };
}
