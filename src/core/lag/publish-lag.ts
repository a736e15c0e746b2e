/**
 * The lag published again and again, on the marks of the wall clock (every minute at second 0), so that a rhythm never drifts. What
 * cannot be measured or sent leaves a gap: the gap is said, no point is made up for it, and the value of the moment follows as soon as
 * log and metrics service are back.
 */
import { type Clock, isoTime } from '../clock.js';
import { isKeystoneError, messageOf, type ErrorCode } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { LagIncident } from './lag-incidents.js';
import { lagSource } from './lag-source.js';
import { measureGroupLag, type GroupLag, type GroupPartitionLag } from './measure-group-lag.js';

export type LagPublication =
  | {
      readonly kind: 'published';
      /** ISO 8601, as are all times here. */
      readonly at: string;
      readonly topic: string;
      readonly group: string;
      /** How many points were sent. */
      readonly points: number;
      readonly total: GroupLag['total'];
      readonly partitions: readonly GroupPartitionLag[];
      readonly incidents: readonly LagIncident[];
      /** Marks of the rhythm without a point just before this one; null when there is none. */
      readonly gap: { readonly since: string; readonly missed: number } | null;
    }
  /** Nothing could be published; told once for each reason until it works again. */
  | {
      readonly kind: 'waiting';
      readonly at: string;
      readonly since: string;
      readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint?: string };
    };

export interface PublishOptions {
  readonly topic?: string | undefined;
  readonly group?: string | undefined;
  readonly everyMs: number;
  /** One publication, and what keeps it from being made is thrown. */
  readonly once: boolean;
  readonly signal: AbortSignal;
  /** Resolves to the number of points once they are taken. */
  readonly publish: (lag: GroupLag) => Promise<number>;
  /** Nothing could be measured: the last one is not true any more. */
  readonly onGap?: (last: GroupLag) => void;
}

/** How long brokers may take for a measurement. */
const PATIENCE_MS = 20_000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;

/** No waiting brings these about: at the start they are the caller's to correct. */
const NOT_WAITED_FOR: ReadonlySet<ErrorCode> = new Set([
  'KS_CONFIG',
  'KS_CREDENTIALS',
  'KS_INTERNAL',
  'KS_NOT_FOUND',
  'KS_NO_PROJECT',
  'KS_USAGE',
]);

/**
 * The first at once, the others on the marks. Ends without a throw when `signal` is aborted. @throws before the first publication what
 * waiting does not cure: KS_NOT_FOUND, KS_CONFIG, KS_CREDENTIALS; later nothing. With `once` whatever fails.
 */
export async function* publishLag(open: () => Lakehouse, options: PublishOptions): AsyncGenerator<LagPublication, void> {
  const { everyMs, once, signal } = options;
  const source = lagSource(open, measureGroupLag, {
    topic: options.topic,
    group: options.group,
    signal,
    patienceMs: PATIENCE_MS,
  });
  let last: GroupLag | undefined;
  let waiting: { readonly sinceMs: number; readonly code: ErrorCode } | undefined;
  let waitMs = FIRST_WAIT_MS;
  try {
    const { clock } = source.effects();
    let expectedMs = clock.nowMs();
    while (!signal.aborted) {
      let isMeasured = false;
      try {
        const lag = await source.measure();
        isMeasured = true;
        const points = await options.publish(lag);
        const passed = Math.floor(lag.atMs / everyMs) - Math.floor(expectedMs / everyMs);
        // The first had no mark to be at.
        const missed = last || waiting ? Math.max(0, passed) : 0;
        const sinceMs = waiting?.sinceMs ?? expectedMs;
        yield publication(lag, points, missed === 0 ? null : { since: isoTime(sinceMs), missed });
        last = lag;
        waiting = undefined;
        waitMs = FIRST_WAIT_MS;
      } catch (error) {
        if (signal.aborted) return;
        const code = isKeystoneError(error) ? error.code : 'KS_INTERNAL';
        if (once || (last === undefined && NOT_WAITED_FOR.has(code))) throw error;
        await source.drop();
        const sinceMs = waiting?.sinceMs ?? clock.nowMs();
        if (last && !isMeasured) options.onGap?.(last);
        if (waiting?.code !== code) yield waitingFor(error, code, sinceMs, clock);
        waiting = { sinceMs, code };
        await clock.sleep(waitMs, signal);
        waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS, everyMs);
        continue;
      }
      if (once) return;
      expectedMs = await untilMark(clock, everyMs, signal);
    }
  } finally {
    await source.drop();
  }
}

/** Resolves at the next mark, to its time; earlier only when `signal` is aborted. */
async function untilMark(clock: Clock, everyMs: number, signal: AbortSignal): Promise<number> {
  const markMs = (Math.floor(clock.nowMs() / everyMs) + 1) * everyMs;
  for (;;) {
    const leftMs = markMs - clock.nowMs();
    // A timer may end a moment too early; a clock that was set back by more than a mark begins a new count.
    if (leftMs <= 0 || leftMs > everyMs || signal.aborted) return markMs;
    await clock.sleep(leftMs, signal);
  }
}

function publication(
  { topic, group, atMs, total, partitions, incidents }: GroupLag,
  points: number,
  gap: { readonly since: string; readonly missed: number } | null,
): LagPublication {
  return { kind: 'published', at: isoTime(atMs), topic, group, points, total, partitions, incidents, gap };
}

function waitingFor(error: unknown, code: ErrorCode, sinceMs: number, clock: Clock): LagPublication {
  const hint = isKeystoneError(error) ? error.hint : undefined;
  const told = { code, message: messageOf(error), ...(hint === undefined ? {} : { hint }) };
  return { kind: 'waiting', at: isoTime(clock.nowMs()), since: isoTime(sinceMs), error: told };
}
