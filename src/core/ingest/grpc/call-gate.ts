/**
 * Who makes a gRPC call, decided from its metadata before a byte of the request is kept. Health checks are open (whoever watches a
 * server has no token); reflection is open only where nobody has to prove anything.
 */
import { ServerInterceptingCall, status, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import type { Admission, Admit, Client } from '../client.js';
import type { ClientOf } from './ingest-services.js';
import type { PeerCertificate } from '../peer-certificate.js';
import type { TellRefusal } from '../refusal-log.js';

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
  /** Absent: refusals are told to the client alone. */
  readonly tellRefusal?: TellRefusal | undefined;
}

const OPEN_TO_ALL = /^\/grpc\.health\.v1\.Health\//;
const NOBODY: Client = { name: 'unknown', producer: null };

const traceparentOf = (metadata: Metadata): string | undefined => {
  const [given] = metadata.get('traceparent');
  return given === undefined ? undefined : String(given);
};

const addressOfPeer = (peer: string): string => peer.replace(/:\d+$/, '');

export function createCallGate({ admit, checks, certificateOf, tellRefusal }: CallGateOptions): CallGate {
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
              tellRefusal?.({
                door: 'grpc',
                client: { name: addressOfPeer(call.getPeer()), producer: null },
                traceparent: traceparentOf(metadata),
                code: 'UNAUTHENTICATED',
                reason: decision.reason,
                events: 0,
              });
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

  const openClient = (peer: string): Client => {
    if (checks) throw new Error('a call came past the gate');
    const decision = admission(peer, null);
    return decision.kind === 'admitted' ? decision.client : NOBODY;
  };

  return {
    interceptors: checks ? [interceptor] : [],
    clientOf: (call) => {
      const client = admitted.get(call.metadata) ?? openClient(call.getPeer());
      const traceparent = traceparentOf(call.metadata);
      return traceparent === undefined ? client : { ...client, traceparent };
    },
  };
}
