/**
 * What one client may send: events and bytes per second (token buckets), and bytes that are not yet durable.
 *
 * A bucket holds one second's worth. A batch larger than that passes when the bucket is full and leaves it in debt, so every size
 * passes at last and the mean rate holds. A client whose bucket has filled up again is as good as new and is forgotten: memory
 * follows the clients of the last second, not all that ever came.
 */
import type { Clock } from '../clock.js';
import type { Client } from './client.js';

export interface ClientLimits {
  /** Takes the events, or says which limit stands against them. What is taken is given back with `release` once it is settled. */
  reserve(client: Client, events: number, bytes: number): Reservation;
}

export type Reservation =
  | { readonly kind: 'reserved'; readonly release: () => void }
  | {
      readonly kind: 'exceeded';
      /** For the client: which limit, and when to come again. */
      readonly reason: string;
      readonly retryAfterMs: number;
    };

export interface ClientLimitOptions {
  /** Undefined: no limit. */
  readonly eventsPerSecond: number | undefined;
  readonly bytesPerSecond: number | undefined;
  readonly inFlightBytes: number;
  readonly clock: Clock;
}

interface Account {
  /** May be negative: debt of a batch larger than one second's worth. */
  events: number;
  bytes: number;
  filledAtMs: number;
  inFlightBytes: number;
}

/** Bytes in flight settle with the next append; the log's commits take milliseconds. */
const IN_FLIGHT_RETRY_MS = 100;
const ACCOUNTS_BEFORE_SWEEP = 1024;

export function createClientLimits(options: ClientLimitOptions): ClientLimits {
  const { inFlightBytes: maxInFlight, clock } = options;
  const eventRate = options.eventsPerSecond ?? Number.POSITIVE_INFINITY;
  const byteRate = options.bytesPerSecond ?? Number.POSITIVE_INFINITY;
  const isRated = eventRate < Number.POSITIVE_INFINITY || byteRate < Number.POSITIVE_INFINITY;
  const accounts = new Map<string, Account>();
  let sweepAt = ACCOUNTS_BEFORE_SWEEP;

  const fill = (level: number, rate: number, seconds: number): number =>
    rate === Number.POSITIVE_INFINITY ? rate : Math.min(Math.max(rate, 1), level + rate * seconds);
  const refill = (account: Account, nowMs: number): void => {
    // A clock that was set back fills nothing, and does not take what is there.
    const seconds = Math.max(0, nowMs - account.filledAtMs) / 1000;
    account.events = fill(account.events, eventRate, seconds);
    account.bytes = fill(account.bytes, byteRate, seconds);
    account.filledAtMs = nowMs;
  };
  const isAsNew = ({ events, bytes, inFlightBytes }: Account): boolean =>
    inFlightBytes === 0 && events >= Math.max(eventRate, 1) && bytes >= Math.max(byteRate, 1);

  const sweep = (nowMs: number): void => {
    for (const [name, account] of accounts) {
      refill(account, nowMs);
      if (isAsNew(account)) accounts.delete(name);
    }
    sweepAt = Math.max(ACCOUNTS_BEFORE_SWEEP, accounts.size * 2);
  };

  const accountOf = (name: string, nowMs: number): Account => {
    const known = accounts.get(name);
    if (known) {
      refill(known, nowMs);
      return known;
    }
    if (accounts.size >= sweepAt) sweep(nowMs);
    const account = { events: Math.max(eventRate, 1), bytes: Math.max(byteRate, 1), filledAtMs: nowMs, inFlightBytes: 0 };
    accounts.set(name, account);
    return account;
  };

  /** Milliseconds until `cost` may be taken; 0: now. */
  const waitMs = (level: number, cost: number, rate: number): number => {
    const needed = Math.min(cost, Math.max(rate, 1));
    return level >= needed ? 0 : Math.max(1, Math.ceil(((needed - level) / rate) * 1000));
  };

  const exceeded = (client: Client, limit: string, retryAfterMs: number): Reservation => ({
    kind: 'exceeded',
    reason: `${client.name} has reached its limit of ${limit}; send again in ${retryAfterMs} ms`,
    retryAfterMs,
  });

  return {
    reserve(client, events, bytes) {
      const account = accountOf(client.name, isRated ? clock.nowMs() : 0);
      // One request that is larger than the limit alone passes while nothing else is in flight.
      if (account.inFlightBytes > 0 && account.inFlightBytes + bytes > maxInFlight)
        return exceeded(client, `${maxInFlight} bytes in flight`, IN_FLIGHT_RETRY_MS);
      const eventsWait = waitMs(account.events, events, eventRate);
      const bytesWait = waitMs(account.bytes, bytes, byteRate);
      if (eventsWait > 0 && eventsWait >= bytesWait) return exceeded(client, `${eventRate} events per second`, eventsWait);
      if (bytesWait > 0) return exceeded(client, `${byteRate} bytes per second`, bytesWait);
      account.events -= events;
      account.bytes -= bytes;
      account.inFlightBytes += bytes;
      return {
        kind: 'reserved',
        release: () => {
          account.inFlightBytes -= bytes;
          if (!isRated && account.inFlightBytes === 0) accounts.delete(client.name);
        },
      };
    },
  };
}
