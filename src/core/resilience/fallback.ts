/**
 * A chain of ways to one answer: the next is tried when the one before it is away, and told why. An answer says which way gave it and
 * which ones did not, because a stale or local answer must never pass for the first one.
 */
import { KeystoneError, messageOf } from '../errors.js';
import { isTransientFailure } from './transient-failure.js';

/** A way that did not answer, and why. */
export interface MissedWay {
  readonly name: string;
  readonly error: unknown;
}

/** One way to the answer, e.g. `athena`, `duckdb`, `cached`. */
export interface Way<T> {
  readonly name: string;
  /** `missed` are the ways before it, in order, each with its error. */
  answer(missed: readonly MissedWay[]): Promise<T>;
}

export interface FallbackAnswer<T> {
  readonly value: T;
  /** Name of the way that gave it. */
  readonly way: string;
  /** Empty when the first way answered. */
  readonly missed: readonly MissedWay[];
}

export interface FallbackOptions {
  /** Whether the next way may answer instead (default: transient failures and open breakers); what is no such failure (bad SQL, a missing table) is thrown at once. */
  readonly isAway?: (error: unknown) => boolean;
  /** Once it is aborted no other way is tried. */
  readonly signal?: AbortSignal;
  /** Told before each next way, for the log. */
  readonly onFallback?: (missed: MissedWay, next: string) => void;
}

/** The first answer; the last way's failure when none gave one, with the failures before it told in its message. */
export async function firstAnswer<T>(
  ways: readonly [Way<T>, ...Way<T>[]],
  { isAway = isTransientFailure, signal, onFallback }: FallbackOptions = {},
): Promise<FallbackAnswer<T>> {
  const missed: MissedWay[] = [];
  for (const [place, way] of ways.entries()) {
    try {
      return { value: await way.answer(missed), way: way.name, missed: [...missed] };
    } catch (error) {
      const next = ways[place + 1];
      if (next === undefined) throw allMissed([...missed, { name: way.name, error }]);
      if (signal?.aborted || !isAway(error)) throw error;
      const miss = { name: way.name, error };
      missed.push(miss);
      onFallback?.(miss, next.name);
    }
  }
  throw new KeystoneError('KS_INTERNAL', 'a chain of fallbacks needs a way');
}

/** The last failure as it is, with those before it in its message: only together do they say what to mend. */
function allMissed(missed: readonly MissedWay[]): unknown {
  const last = missed.at(-1)?.error;
  if (missed.length === 1 || !(last instanceof KeystoneError)) return last;
  const before = missed.slice(0, -1).map(({ name, error }) => `${name}: ${messageOf(error)}`);
  return new KeystoneError(last.code, `${last.message} (tried before: ${before.join('; ')})`, {
    ...(last.hint === undefined ? {} : { hint: last.hint }),
    ...(last.details === undefined ? {} : { details: last.details }),
    cause: last,
  });
}
