/** Flags of the commands that send to an ingest server: how to trust it, and what to show it. */
import { Flags } from '@oclif/core';
import type { Destination } from '../core/ingest/open-sink.js';

const GROUP = 'SERVER ACCESS';

export const serverAccessFlags = {
  tls: Flags.boolean({
    default: false,
    description: 'TLS, with the certificate authorities that this machine trusts',
    helpGroup: GROUP,
  }),
  'tls-ca': Flags.string({ description: 'TLS, with the authority in this PEM file', helpValue: 'FILE', helpGroup: GROUP }),
  'tls-cert': Flags.string({ description: 'client certificate to show (PEM)', helpValue: 'FILE', helpGroup: GROUP }),
  'tls-key': Flags.string({ description: 'its private key (PEM)', helpValue: 'FILE', helpGroup: GROUP }),
  token: Flags.string({
    description: 'bearer token, by reference: never the token itself',
    helpValue: 'env:NAME|file:PATH',
    helpGroup: GROUP,
  }),
};

/** As parsed. */
export interface ServerAccessValues {
  readonly tls: boolean;
  readonly 'tls-ca'?: string | undefined;
  readonly 'tls-cert'?: string | undefined;
  readonly 'tls-key'?: string | undefined;
  readonly token?: string | undefined;
}

/**
 * The server at `address`, with what the flags say of it read; undefined: the log.
 * @throws KeystoneError KS_USAGE, KS_CREDENTIALS or KS_CONFIG for flags that cannot be used.
 */
export async function destinationOfFlags(
  address: string | undefined,
  flags: ServerAccessValues,
  { nowMs, warn }: { readonly nowMs: number; readonly warn: (text: string) => void },
): Promise<Destination> {
  const { destinationOf } = await import('../core/ingest/open-sink.js');
  const given = {
    tls: flags.tls,
    caFile: flags['tls-ca'],
    certificateFile: flags['tls-cert'],
    keyFile: flags['tls-key'],
    token: flags.token,
  };
  return destinationOf(address ?? null, given, { env: process.env, nowMs, warn });
}
