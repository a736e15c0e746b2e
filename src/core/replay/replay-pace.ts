/** When a replayed event is due: at a steady rate, or at a multiple of the pace at which the events once came. */
import type { Contract } from '../contract/contract.js';
import { KeystoneError } from '../errors.js';
import { jsonColumns } from '../event/business-key.js';
import type { ReplayEvent } from './replay-event.js';

/** When an event is due, in milliseconds after the first one; called once per event, in their order. */
export type Pace = (event: ReplayEvent) => number;

/** So many events per second. */
export function steadyPace(eventsPerSecond: number): Pace {
  let sent = 0;
  return () => (sent++ * 1000) / eventsPerSecond;
}

/** Milliseconds of `YYYY-MM-DD HH:MM:SS[.ffffff]` or ISO 8601 without zone, read as UTC; null for anything else. */
export function timestampMs(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  const match = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}:\d{2})(\.\d{1,9})?)?Z?$/.exec(value.trim());
  if (!match) return null;
  const ms = Date.parse(`${match[1]}T${match[2] ?? '00:00:00'}Z`);
  return Number.isNaN(ms) ? null : ms + Math.floor(Number(match[3] ?? 0) * 1000);
}

/**
 * `speed` times the original pace: by log time where the event has one, else by the contract's partition timestamp in file order. A step
 * back in time counts as none; an event without a readable timestamp is due with the one before it.
 * @throws KeystoneError KS_USAGE when an event without log time belongs to a dataset that has no such timestamp.
 */
export function originalPace(speed: number, contracts: ReadonlyMap<string, Contract>): Pace {
  let lastMs: number | null = null;
  let dueMs = 0;
  return (event) => {
    const atMs = event.origin === null ? payloadMs(event, contracts) : event.origin.timestampUs / 1000;
    if (atMs === null) return dueMs;
    if (lastMs !== null && atMs > lastMs) dueMs += (atMs - lastMs) / speed;
    lastMs = atMs;
    return dueMs;
  };
}

function payloadMs({ dataset, payload }: ReplayEvent, contracts: ReadonlyMap<string, Contract>): number | null {
  const column = contracts.get(dataset)?.partition?.column;
  if (column === undefined) {
    throw new KeystoneError('KS_USAGE', `dataset ${dataset} has no partition timestamp whose pace could be followed`, {
      hint: 'use --rate N/s instead of --speed',
    });
  }
  return payload === null ? null : timestampMs(jsonColumns(payload)(column));
}

/** `100`, `100/s`, `6000/m`: events per second. */
export function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/(s|m|h))?$/.exec(text.trim());
  const rate = Number(match?.[1]) / { s: 1, m: 60, h: 3600 }[(match?.[2] ?? 's') as 's' | 'm' | 'h'];
  if (!(rate > 0)) throw new KeystoneError('KS_USAGE', `"${text}" is no rate`, { hint: 'write it like --rate 500/s' });
  return rate;
}

/** `10x`, `10`, `0.5x`: the factor. */
export function parseSpeed(text: string): number {
  const speed = Number(/^(\d+(?:\.\d+)?)x?$/i.exec(text.trim())?.[1]);
  if (!(speed > 0)) throw new KeystoneError('KS_USAGE', `"${text}" is no speed`, { hint: 'write it like --speed 10x' });
  return speed;
}
