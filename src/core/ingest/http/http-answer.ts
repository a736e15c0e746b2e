/** What became of a request's events, as an HTTP answer. */
import { NOT_KEPT } from '../event-intake.js';
import type { Problem, ReceiptAnswer, ResultsAnswer } from './http-shapes.js';
import type { EventRefusal, EventResult, Receipt } from '../grpc/ingestion-v1-codec.js';
import { problemOf, type ProblemKind } from './problem-json.js';

export type HttpAnswer =
  | { readonly kind: 'kept'; readonly body: { readonly receipts: readonly ReceiptAnswer[] } }
  | { readonly kind: 'mixed'; readonly body: ResultsAnswer; readonly retryAfterMs: number | null }
  | { readonly kind: 'refused'; readonly problem: Problem; readonly retryAfterMs: number | null };

const ERRORS_SHOWN = 100;
const DEFAULT_RETRY_MS = 1000;
/** Of gRPC. */
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;

function kindOf({ code, message }: EventRefusal): ProblemKind {
  if (code === INVALID_ARGUMENT) return 'unprocessable';
  // For gRPC a full disk is exhaustion too; here it is not the client who sends too much.
  if (code === UNAVAILABLE || message.startsWith(NOT_KEPT)) return 'unavailable';
  return code === RESOURCE_EXHAUSTED ? 'too-many' : 'internal';
}

const receiptAnswer = ({ topic, partition, offset, eventId, durability }: Receipt): ReceiptAnswer => ({
  topic,
  partition,
  offset: offset < 0 ? null : offset,
  event_id: eventId,
  durability,
});

/** Null when sending again would not help. */
function retryAfterMs(refusals: readonly EventRefusal[]): number | null {
  const passing = refusals.filter((refusal) => ['too-many', 'unavailable'].includes(kindOf(refusal)));
  if (passing.length === 0) return null;
  return passing.reduce((longest, refusal) => Math.max(longest, refusal.retryAfterMs ?? DEFAULT_RETRY_MS), 0);
}

/** @param instance URN of the request; problems of single events are told under it. */
export function httpAnswer(results: readonly EventResult[], instance: string): HttpAnswer {
  const refusals = results.flatMap((result, index) => (result.kind === 'refused' ? [{ index, refusal: result.refusal }] : []));
  const [first] = refusals;
  if (!first) {
    const receipts = results.flatMap((result) => (result.kind === 'receipt' ? [receiptAnswer(result.receipt)] : []));
    return { kind: 'kept', body: { receipts } };
  }
  const retry = retryAfterMs(refusals.map(({ refusal }) => refusal));
  if (refusals.length === results.length) {
    const errors = refusals
      .slice(0, ERRORS_SHOWN)
      .map(({ index, refusal }) => ({ index, event_id: refusal.eventId, detail: refusal.message }));
    const problem = problemOf(kindOf(first.refusal), first.refusal.message, instance, { errors });
    return { kind: 'refused', problem, retryAfterMs: retry };
  }
  const each = results.map((result) => {
    if (result.kind === 'receipt') return { status: 200 as const, receipt: receiptAnswer(result.receipt) };
    const problem = problemOf(kindOf(result.refusal), result.refusal.message, instance);
    return { status: problem.status, problem };
  });
  return { kind: 'mixed', body: { results: each }, retryAfterMs: retry };
}
