/** Opens the sink that a command asked for; gRPC is loaded only where a server is the destination. */
import { isKeystoneError, KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { EventSink, OnResults } from './event-sink.js';
import { readServerAccess, type AccessEffects, type GivenAccess, type ServerAccess } from './server-access.js';
import { hostOfAddress } from './server-address.js';

export type Destination =
  | { readonly kind: 'log' }
  /** `host:port` of an ingest server. */
  | { readonly kind: 'server'; readonly address: string; readonly access?: ServerAccess };

/**
 * The server at `address` (null: the log), with what was given for it read.
 * @throws KeystoneError KS_USAGE for a token or certificate that nobody would see; what `readServerAccess` throws.
 */
export async function destinationOf(address: string | null, given: GivenAccess, effects: AccessEffects): Promise<Destination> {
  if (address !== null) return { kind: 'server', address, access: await readServerAccess(given, address, effects) };
  const { tls, caFile, certificateFile, keyFile, token } = given;
  if (tls || (caFile ?? certificateFile ?? keyFile ?? token) !== undefined) {
    throw new KeystoneError('KS_USAGE', 'a token or certificate is for a server, and the events go straight into the log', {
      hint: 'name the server too: --server HOST:PORT',
    });
  }
  return { kind: 'log' };
}

export interface OpenSinkOptions {
  readonly destination: Destination;
  readonly onResults: OnResults;
  readonly signal: AbortSignal;
  /** Told what is waited for. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

/** @throws KeystoneError KS_SERVER_UNREACHABLE, KS_CREDENTIALS, KS_LOG, KS_CONTRACT. */
async function openSink(lakehouse: Lakehouse, { destination, onResults, signal, onNotice }: OpenSinkOptions): Promise<EventSink> {
  const { clock } = lakehouse.effects;
  if (destination.kind === 'server') {
    const { openServerSink } = await import('./grpc/server-sink.js');
    const { address, access } = destination;
    return openServerSink({ address, access, clock, onResults, signal, fullMs: lakehouse.config.resilience.patience, onNotice });
  }
  const { openLogSink } = await import('./log-sink.js');
  const { profile, ingest } = lakehouse.config;
  const { topic, partitions } = profile.log;
  return openLogSink({
    log: await lakehouse.log(),
    topic,
    partitions,
    contracts: await lakehouse.contracts(),
    keyMode: ingest.key,
    clock,
    onResults,
  });
}

/**
 * Checks the address, opens the sink (none in a dry run), runs `use`, closes it. Stopped on request, what was given is still made durable and counted
 * before the interruption is passed on.
 * @throws KeystoneError KS_USAGE for an address that is none; what `openSink` and `use` throw.
 */
export async function withSink<T>(
  lakehouse: Lakehouse,
  options: OpenSinkOptions & { readonly dryRun: boolean },
  use: (sink: EventSink | null) => Promise<T>,
): Promise<T> {
  if (options.destination.kind === 'server') hostOfAddress(options.destination.address);
  const sink = options.dryRun ? null : await openSink(lakehouse, options);
  try {
    return await use(sink);
  } catch (error) {
    if (isKeystoneError(error) && error.code === 'KS_INTERRUPTED') await sink?.flush();
    throw error;
  } finally {
    sink?.close();
  }
}
