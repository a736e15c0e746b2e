/** What the configuration says of who may come in and how much they may send, read and checked once for every door. */
import type { Clock } from '../clock.js';
import type { ResolvedConfig } from '../config/config.js';
import { admitFromConfig } from './admit-client.js';
import type { Admit } from './client.js';
import type { ConnectionLimits } from './grpc/connection-front.js';
import { readDoorTls, type DoorTls, type TlsConfig } from './door-tls.js';

export interface DoorGuard {
  /** Undefined: nobody is asked for anything. */
  readonly admit: Admit | undefined;
  /** Undefined: the doors speak without TLS. */
  readonly tls: { readonly door: DoorTls; readonly files: TlsConfig; readonly everyMs: number } | undefined;
  /** Of each client. */
  readonly limits: {
    readonly eventsPerSecond: number | undefined;
    readonly bytesPerSecond: number | undefined;
    readonly inFlightBytes: number;
  };
  readonly connectionLimits: ConnectionLimits;
  /** For the operator: what works, and is a risk. */
  readonly warnings: readonly string[];
}

/** How often the certificate's files are looked at. */
const RENEWAL_MS = 10_000;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** @throws KeystoneError KS_CONFIG for a certificate, key or token that cannot be used. */
export async function guardDoors(
  config: ResolvedConfig,
  effects: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly clock: Clock;
    readonly host?: string | undefined;
  },
): Promise<DoorGuard> {
  const { ingest, projectDir } = config;
  const { tls: files, tokens, limits, maxMessage } = ingest;
  const door = await readDoorTls(files, effects.clock.nowMs());
  const hasTokens = Object.keys(tokens).length > 0;
  const admit =
    hasTokens || files.clientCertificate !== 'none'
      ? await admitFromConfig({ tokens, clientCertificate: files.clientCertificate, env: effects.env, projectDir })
      : undefined;
  const warnings = [...(door?.warnings ?? [])];
  const host = effects.host ?? ingest.host;
  if (hasTokens && door === null && !LOOPBACK.test(host))
    warnings.push(`tokens travel in the clear to ${host}: set ingest.tls.certificate and ingest.tls.key`);
  return {
    admit,
    tls: door === null ? undefined : { door, files, everyMs: RENEWAL_MS },
    limits: {
      eventsPerSecond: limits.eventsPerSecond,
      bytesPerSecond: limits.bytesPerSecond,
      inFlightBytes: limits.inFlight,
    },
    connectionLimits: {
      connections: limits.connections,
      idleMs: limits.idle,
      requestTimeMs: limits.requestTime,
      // Two messages of the largest size always fit.
      arrivingBytesPerAddress: Math.max(limits.inFlight, 2 * maxMessage),
      arrivingBytes: Math.max(ingest.maxInFlight, 2 * maxMessage),
    },
    warnings,
  };
}
