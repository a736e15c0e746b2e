/**
 * The one way from a decoded request into the log, for every service: accept, reserve, group commit, receipts in order.
 * Nothing is answered before the log's append has resolved.
 */
import { status } from '@grpc/grpc-js';
import { isKeystoneError, messageOf } from '../errors.js';
import { toLogRecord } from '../event/envelope-record.js';
import type { NewRecord } from '../log/event-log.js';
import type { AcceptEvent } from './accept-event.js';
import type { Client } from './client.js';
import type { ClientLimits } from './client-limits.js';
import type { AppendOutcome, GroupCommit } from './group-commit.js';
import type { InFlightBudget } from './in-flight-budget.js';
import type { IngestMeter } from './ingest-meter.js';
import type { Refusal, TellRefusal } from './refusal-log.js';
import type { EventResult, WireEvent } from './grpc/ingestion-v1-codec.js';

export interface EventIntake {
  /** `settle` gets one result per event, in their order, once all of them are durable or refused. */
  take(events: readonly WireEvent[], client: Client, settle: (results: readonly EventResult[]) => void): void;
  totals(): IngestTotals;
}

/** Events acknowledged and refused since the start. */
export interface IngestTotals {
  readonly accepted: number;
  readonly refused: number;
}

export interface IntakeOptions {
  readonly topic: string;
  readonly accept: AcceptEvent;
  /** Over all clients. */
  readonly budget: InFlightBudget;
  /** Of each client. */
  readonly limits: ClientLimits;
  readonly commits: GroupCommit;
  /** Absent: nobody counts. */
  readonly meter?: IngestMeter | undefined;
  /** In the log; absent: refusals are told to the client alone. */
  readonly door: Refusal['door'];
  readonly tellRefusal?: TellRefusal | undefined;
  /** Told of a failed append, once per request that it hit. */
  readonly onAppendFailed: (error: Error) => void;
}

/** It has no offset yet. */
const SPOOLED = { offset: -1, durability: 'spooled' } as const;
const FULL_RETRY_MS = 5000;

/** Begins the refusal of an event that the log did not take. */
export const NOT_KEPT = 'not kept: ';

/** A full disk or spool is the client's cue to slow down, anything else to try again. */
const codeOf = (error: Error): number =>
  (isKeystoneError(error) && error.code === 'KS_LIMIT') ||
  /SQLITE_FULL|ENOSPC|disk is full|no space left/i.test(
    `${messageOf(error)} ${error.cause === undefined ? '' : messageOf(error.cause)}`,
  )
    ? status.RESOURCE_EXHAUSTED
    : status.UNAVAILABLE;

/** Of a full spool: the log has to come back first. */
const retryAfterMs = (error: Error): number | undefined =>
  isKeystoneError(error) && error.code === 'KS_LIMIT' ? FULL_RETRY_MS : undefined;

const sizeOf = (event: WireEvent): number => {
  let size = event.payload.length + event.key.length;
  for (const header of event.headers) size += header.value.length;
  return size;
};

export function createEventIntake(options: IntakeOptions): EventIntake {
  const { topic, accept, budget, limits, commits, meter } = options;
  let accepted = 0;
  let refused = 0;

  /** Once per request: the first refusal stands for all of them. */
  const told = (client: Client, results: readonly EventResult[]): void => {
    if (!options.tellRefusal) return;
    const refusals = results.flatMap((result) => (result.kind === 'refused' ? [result.refusal] : []));
    const [first] = refusals;
    if (!first) return;
    const { message: reason, eventId } = first;
    const { traceparent } = client;
    const code = status[first.code] ?? String(first.code);
    options.tellRefusal({ door: options.door, client, traceparent, code, reason, events: refusals.length, eventId });
  };
  const exhausted = (events: readonly WireEvent[], message: string, retryAfterMs?: number): readonly EventResult[] => {
    refused += events.length;
    return events.map(({ eventId }) => ({
      kind: 'refused',
      refusal: { code: status.RESOURCE_EXHAUSTED, message, eventId, retryAfterMs },
    }));
  };

  return {
    take(events, client, settle) {
      let bytes = 0;
      for (const event of events) bytes += sizeOf(event);
      if (!budget.reserve(bytes)) {
        meter?.refused(events.length, bytes);
        const message = `${bytes} more bytes do not fit into the ${budget.maxBytes} that may be in flight; slow down and send again`;
        const results = exhausted(events, message);
        told(client, results);
        settle(results);
        return;
      }
      const reservation = limits.reserve(client, events.length, bytes);
      if (reservation.kind === 'exceeded') {
        budget.release(bytes);
        meter?.refused(events.length, bytes);
        const results = exhausted(events, reservation.reason, reservation.retryAfterMs);
        told(client, results);
        settle(results);
        return;
      }
      meter?.inFlight(bytes);
      const results: EventResult[] = [];
      const records: NewRecord[] = [];
      /** For each record: its place in `results`, and its event id. */
      const places: number[] = [];
      const ids: string[] = [];
      const sizes: number[] = [];
      for (const event of events) {
        const acceptance = accept(event, client);
        if (acceptance.kind === 'refused') {
          refused++;
          meter?.refused(1, sizeOf(event));
          const { reason: message, eventId } = acceptance;
          results.push({ kind: 'refused', refusal: { code: status.INVALID_ARGUMENT, message, eventId } });
          continue;
        }
        places.push(results.length);
        ids.push(acceptance.envelope.eventId);
        if (meter) sizes.push(sizeOf(event));
        records.push(toLogRecord(acceptance.envelope));
        results.push({ kind: 'refused', refusal: { code: status.UNKNOWN, message: 'not appended', eventId: '' } });
      }
      commits.submit(records, (outcomes) => {
        budget.release(bytes);
        reservation.release();
        meter?.inFlight(-bytes);
        let failure: Error | undefined;
        outcomes.forEach((outcome: AppendOutcome, index) => {
          const eventId = ids[index] ?? '';
          const place = places[index] ?? 0;
          if (outcome instanceof Error) {
            refused++;
            meter?.refused(1, sizes[index] ?? 0);
            failure = outcome;
            results[place] = {
              kind: 'refused',
              refusal: {
                code: codeOf(outcome),
                message: `${NOT_KEPT}${messageOf(outcome)}`,
                eventId,
                retryAfterMs: retryAfterMs(outcome),
              },
            };
          } else {
            accepted++;
            meter?.accepted(1, sizes[index] ?? 0);
            const kept = 'kind' in outcome ? SPOOLED : { offset: outcome.offset, durability: 'log' as const };
            results[place] = { kind: 'receipt', receipt: { topic, partition: outcome.partition, eventId, ...kept } };
          }
        });
        if (failure) options.onAppendFailed(failure);
        if (failure || records.length < events.length) told(client, results);
        settle(results);
      });
    },
    totals: () => ({ accepted, refused }),
  };
}
