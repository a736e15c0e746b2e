/** Where replayed events go: a topic of the log, or an ingest server. */
import { recordSizeBytes } from '../event/envelope-record.js';
import { createLogBatches } from '../ingest/log-batches.js';
import type { OnResults } from '../ingest/event-sink.js';
import type { ServerAccess } from '../ingest/server-access.js';
import { openServerSink } from '../ingest/grpc/server-sink.js';
import type { Lakehouse } from '../lakehouse.js';
import { jsonColumns } from '../event/business-key.js';
import { HEADER_RECEIVED_AT } from '../event/envelope.js';
import type { ReplayEvent } from './replay-event.js';
import { replayRecord, type IdentityOf } from './replay-record.js';

export type ReplayTarget =
  | { readonly kind: 'topic'; readonly topic: string }
  /** `host:port` of an ingest server. */
  | { readonly kind: 'server'; readonly address: string; readonly access: ServerAccess | undefined };

/** Events are appended in the order they are given, unless a server's answer was lost and a batch had to be sent again. */
export interface ReplaySink {
  /** Resolves when there is room for more. */
  send(event: ReplayEvent): Promise<void>;
  /** Resolves once everything given is durable or refused. */
  flush(): Promise<void>;
  close(): void;
}

export interface ReplaySinkOptions {
  readonly target: ReplayTarget;
  readonly identityOf: IdentityOf;
  readonly onResults: OnResults;
  readonly signal: AbortSignal;
}

/** gRPC's INVALID_ARGUMENT. */
const INVALID_ARGUMENT = 3;

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** @throws KeystoneError KS_LOG, KS_SERVER_UNREACHABLE. */
export async function openReplaySink(lakehouse: Lakehouse, options: ReplaySinkOptions): Promise<ReplaySink> {
  return options.target.kind === 'topic'
    ? topicSink(lakehouse, options.target.topic, options)
    : serverSink(lakehouse, options.target, options);
}

/**
 * Whether a server is there and lets us in; sends no event.
 * @throws KeystoneError KS_SERVER_UNREACHABLE, KS_CREDENTIALS.
 */
export async function probeServer(
  lakehouse: Lakehouse,
  { address, access }: Extract<ReplayTarget, { readonly kind: 'server' }>,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = lakehouse.effects;
  const sink = await openServerSink({ address, access, clock, onResults: () => undefined, signal, asksFirst: true });
  sink.close();
}

async function topicSink(lakehouse: Lakehouse, topic: string, { identityOf, onResults }: ReplaySinkOptions): Promise<ReplaySink> {
  const log = await lakehouse.log();
  const target = { topic, partitions: await log.ensureTopic(topic, lakehouse.config.profile.log.partitions) };
  const { clock } = lakehouse.effects;
  const batches = createLogBatches(log, topic, onResults);
  return {
    send: (event) => {
      const identity = identityOf(event);
      const record = replayRecord(event, identity, target, clock.nowMs() * 1000);
      return batches.add({ record, eventId: textOf(identity.eventId) }, recordSizeBytes(record));
    },
    flush: () => batches.flush(),
    close: () => batches.close(),
  };
}

/** The server gives each event its key and the time of receipt; a tombstone has no form on the wire and is refused here. */
async function serverSink(
  lakehouse: Lakehouse,
  { address, access }: Extract<ReplayTarget, { readonly kind: 'server' }>,
  options: ReplaySinkOptions,
): Promise<ReplaySink> {
  const { identityOf, onResults, signal } = options;
  const sink = await openServerSink({ address, access, clock: lakehouse.effects.clock, onResults, signal });
  return {
    send: async (event) => {
      const { payload, dataset, source } = event;
      const identity = identityOf(event);
      const eventId = textOf(identity.eventId);
      if (payload === null) {
        const message = 'a tombstone cannot be sent to a server: replay it without --server, straight into the log';
        onResults([{ kind: 'refused', refusal: { code: INVALID_ARGUMENT, message, eventId } }]);
        return;
      }
      const headers = identity.headers.filter(({ key }) => key !== HEADER_RECEIVED_AT);
      await sink.send([{ payload, dataset, eventId, source: source ?? '', headers, valueOf: jsonColumns(payload) }]);
    },
    flush: () => sink.flush(),
    close: () => sink.close(),
  };
}
