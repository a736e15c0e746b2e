/**
 * The lag of the project, measured again and again by one that stays: what is open is let go after a failure, and a log or a lake that
 * was moved or replaced is noticed instead of being answered from a handle that is still held.
 */
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { logPlace } from '../log/log-place.js';
import { lakePlace } from '../store/lake-place.js';
import { placesPresent } from './places-present.js';

export interface LagSourceOptions {
  readonly topic?: string | undefined;
  readonly group?: string | undefined;
  /** How long brokers may take for a sample. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

export interface LagSource<T> {
  effects(): Lakehouse['effects'];
  /** For how long a healthy consumer may land nothing: it commits at least once a flush interval, and needs time to do it. */
  quietMs(): number;
  measure(): Promise<T>;
  /** Lets go of what is open; the next use opens it anew. */
  drop(): Promise<void>;
}

/** How the lag is measured, e.g. `measureLag`. */
export type Measure<T> = (lakehouse: Lakehouse, of: Pick<LagSourceOptions, 'topic' | 'group'>) => Promise<T>;

/** `open` is called at the first use and at each one after `drop`. */
export function lagSource<T>(open: () => Lakehouse, measure: Measure<T>, of: LagSourceOptions): LagSource<T> {
  let opened: Lakehouse | undefined;
  let logSeen: string | null = null;
  let lakeSeen = false;
  const current = (): Lakehouse => (opened ??= open());
  const drop = async (): Promise<void> => {
    const closing = opened;
    opened = undefined;
    // What could not be read may not close either; it was only read from.
    await closing?.close().catch(() => undefined);
  };
  return {
    effects: () => current().effects,
    quietMs: () => 3 * current().config.consume.flushInterval,
    drop,
    measure: async () => {
      const { config } = current();
      const present = await placesPresent(config);
      if (present.log === null) {
        throw new KeystoneError('KS_NOT_FOUND', `There is no event log at ${config.profile.log.path}`, {
          hint: 'Send events first (keystone ingest csv, keystone ingest serve), or bring it back; keystone config show says where it belongs.',
        });
      }
      if (present.lake === null && lakeSeen) {
        throw new KeystoneError('KS_STORE', `The lake ${lakePlace(config.profile)} is not there any more`, {
          hint: 'Bring it back, or name another one with store.path; keystone doctor looks at it.',
        });
      }
      if (logSeen !== null && logSeen !== present.log) await drop();
      logSeen = present.log;
      lakeSeen ||= present.lake !== null;
      const measuring = measure(current(), of);
      return config.profile.log.adapter === 'kafka' ? inTime(measuring, current(), of) : measuring;
    },
  };
}

/** Who watches wants to see at once that brokers are away, which a builder rather waits for. */
async function inTime<T>(
  measuring: Promise<T>,
  { config, effects }: Lakehouse,
  { patienceMs, signal }: LagSourceOptions,
): Promise<T> {
  const answered = new AbortController();
  const late = effects.clock.sleep(patienceMs, AbortSignal.any([signal, answered.signal])).then(() => {
    throw new KeystoneError('KS_LOG', `${logPlace(config.profile)} has not answered for ${patienceMs / 1000} s`, {
      hint: 'keystone doctor',
    });
  });
  try {
    return await Promise.race([measuring, late]);
  } finally {
    // Whichever comes last has nobody who hears it.
    for (const promise of [measuring, late]) promise.catch(() => undefined);
    answered.abort();
  }
}
