/**
 * What the doors refuse, in the log: one line per request, with the trace that the client sent, so that both ends of a call are found by
 * one id. Accepted events leave no line. Who sends nonsense all day fills no disk: beyond some lines in a while only their number is told.
 */
import type { Clock } from '../clock.js';
import type { Logger } from '../logging/logger.js';
import { traceIdOf } from '../logging/trace-context.js';
import type { Client } from './client.js';

/** A request of which nothing, or not everything, was taken. Never payloads. */
export interface Refusal {
  readonly door: 'grpc' | 'http';
  /** Null: it was refused before anybody knew. */
  readonly client: Client | null;
  /** As the caller sent it; undefined: it sent none. */
  readonly traceparent: string | undefined;
  /** gRPC's code by name, or the HTTP status. */
  readonly code: string;
  readonly reason: string;
  /** Events refused; 0 when none was read. */
  readonly events: number;
  /** Of the first one; empty when it had none. */
  readonly eventId?: string;
}

export type TellRefusal = (refusal: Refusal) => void;

const LINES = 20;
const WINDOW_MS = 10_000;
const LONGEST_REASON = 300;

/** Event `ingest.refused` {door, client, code, reason, events, eventId, clientTraceId, unsaid}; `unsaid` counts requests before it. */
export function refusalLog(logger: Logger, clock: Pick<Clock, 'nowMs'>): TellRefusal {
  let windowMs = Number.NEGATIVE_INFINITY;
  let lines = 0;
  let unsaid = 0;
  return ({ door, client, traceparent, code, reason, events, eventId = '' }) => {
    const nowMs = clock.nowMs();
    if (nowMs - windowMs >= WINDOW_MS) {
      windowMs = nowMs;
      lines = 0;
    }
    if (lines >= LINES) {
      unsaid++;
      return;
    }
    lines++;
    logger.warn('ingest.refused', {
      door,
      client: client?.name ?? null,
      code,
      reason: reason.slice(0, LONGEST_REASON),
      events,
      eventId: eventId === '' ? null : eventId,
      clientTraceId: traceIdOf(traceparent),
      ...(unsaid === 0 ? {} : { unsaid }),
    });
    unsaid = 0;
  };
}
