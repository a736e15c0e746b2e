/**
 * What a consumer does when a service goes away under it: it says so once, waits longer and longer, and goes on from the tables. What was
 * begun is not taken up again: the fences of the tables say what of it counts (docs/design.md, "Exactly once").
 */
import type { Clock } from '../clock.js';
import { KeystoneError, isKeystoneError, messageOf, type ErrorCode } from '../errors.js';
import type { Logger } from '../logging/logger.js';
import { retryDelayMs, type RetryPolicy } from '../resilience/retry-policy.js';
import { isTransientFailure } from '../resilience/transient-failure.js';
import { randomUnit } from '../table/random-names.js';

export interface OutageOptions {
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly signal: AbortSignal;
  /** How long one outage is waited for, in ms; Infinity: for ever. */
  readonly patienceMs: number;
  readonly logger?: Logger | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
}

/** One of the things that a consumer does at the same time (landing, deriving): each meets an outage at its own time. */
export interface Endurance {
  /**
   * After a failure: resolves when it is time to try again (or the signal came). Throws the failure where waiting does not help, or once
   * it has lasted longer than the patience.
   */
  failed(error: unknown): Promise<void>;
  /** Something went through since: the outage is over. */
  worked(): void;
  /** The first success of `work`. Throws KS_INTERRUPTED when the signal comes first. */
  endure<T>(work: () => Promise<T>): Promise<T>;
}

/** Waits, without the random part: 0.5, 1, 2, 4, 8, 10, 10 … seconds. */
const WAITS: Pick<RetryPolicy, 'baseMs' | 'capMs'> = { baseMs: 250, capMs: 10_000 };

/** Codes of services that come back; credentials and settings do not heal, whatever caused their refusal. */
const AWAY: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['KS_LOG', 'KS_STORE', 'KS_CATALOG', 'KS_STATE', 'KS_ENGINE']);

/** Whether a consumer waits for this failure to pass. */
function passesByWaiting(error: unknown): boolean {
  if (!isKeystoneError(error)) return isTransientFailure(error);
  return error.code === 'KS_CIRCUIT_OPEN' || (AWAY.has(error.code) && (isTransientFailure(error) || isLockedFile(error.cause)));
}

const isOfService = (error: unknown): boolean => passesByWaiting(error) || (isKeystoneError(error) && AWAY.has(error.code));

/**
 * The embedded log or state, held for longer than SQLite waits by a process that is suspended, or slow; SQLITE_PROTOCOL is what SQLite says
 * when it could not even begin to read for that reason.
 */
const isLockedFile = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && /^SQLITE_(?:BUSY|LOCKED|PROTOCOL)/.test(String(cause.code));

/** Makes an `Endurance` for each thing that is done; an outage that all of them meet is told once. */
export function watchOutages({ clock, randomBytes, signal, patienceMs, logger, onNotice }: OutageOptions): () => Endurance {
  let waiting = 0;
  return () => {
    let sinceMs: number | null = null;
    let tries = 0;
    const failed: Endurance['failed'] = async (error) => {
      // Who was told to stop does not fail of a service: what is in the tables counts, and the next run goes on from there.
      if (signal.aborted && isOfService(error)) {
        onNotice?.(`stopped, while a service was away: ${messageOf(error)}; nothing is lost`);
        return;
      }
      if (!passesByWaiting(error)) throw error;
      const nowMs = clock.nowMs();
      if (sinceMs === null) {
        sinceMs = nowMs;
        tries = 0;
        waiting += 1;
        if (waiting === 1) {
          logger?.warn('consume.waiting', {
            code: isKeystoneError(error) ? error.code : 'KS_INTERNAL',
            problem: messageOf(error),
          });
          onNotice?.(`${messageOf(error)}; waiting for it`);
        }
      }
      if (nowMs - sinceMs >= patienceMs) throw error;
      tries += 1;
      await clock.sleep(retryDelayMs({ tries: Infinity, ...WAITS }, Math.min(tries, 10), randomUnit(randomBytes)), signal);
    };
    const worked = (): void => {
      if (sinceMs === null) return;
      const seconds = ((clock.nowMs() - sinceMs) / 1000).toFixed(1);
      sinceMs = null;
      waiting -= 1;
      if (waiting > 0) return;
      logger?.info('consume.resumed', { seconds: Number(seconds) });
      onNotice?.(`going on after ${seconds} s of waiting`);
    };
    return {
      failed,
      worked,
      endure: async (work) => {
        for (;;) {
          try {
            const result = await work();
            worked();
            return result;
          } catch (error) {
            await failed(error);
            if (!signal.aborted) continue;
            throw new KeystoneError('KS_INTERRUPTED', `stopped while waiting: ${messageOf(error)}; nothing is lost`, {
              hint: 'keystone consume run --until-caught-up',
              cause: error,
            });
          }
        }
      },
    };
  };
}
