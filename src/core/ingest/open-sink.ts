/** Opens the sink that a command asked for; gRPC is loaded only where a server is the destination. */
import type { Lakehouse } from '../lakehouse.js';
import type { EventSink, OnResults } from './event-sink.js';

export type Destination =
  | { readonly kind: 'log' }
  /** `host:port` of an ingest server. */
  | { readonly kind: 'server'; readonly address: string };

export interface OpenSinkOptions {
  readonly destination: Destination;
  readonly onResults: OnResults;
  readonly signal: AbortSignal;
}

/** @throws KeystoneError KS_SERVER_UNREACHABLE, KS_LOG, KS_CONTRACT. */
export async function openSink(lakehouse: Lakehouse, { destination, onResults, signal }: OpenSinkOptions): Promise<EventSink> {
  const { clock } = lakehouse.effects;
  if (destination.kind === 'server') {
    const { openServerSink } = await import('./server-sink.js');
    return openServerSink({ address: destination.address, clock, onResults, signal });
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
