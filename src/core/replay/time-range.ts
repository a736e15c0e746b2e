/** `--from` and `--to`: a range of log time, as a person writes it. */
import { KeystoneError } from '../errors.js';

/** Microseconds since the epoch; `toUs` itself is outside. Undefined: open. */
export interface TimeRange {
  readonly fromUs: number | undefined;
  readonly toUs: number | undefined;
}

const TIME =
  /^(?<day>\d{4}-\d{2}-\d{2})(?:[ T](?<minutes>\d{2}:\d{2})(?::(?<seconds>\d{2})(?:\.(?<fraction>\d{1,6}))?)?\s?(?<offset>Z|[+-]\d{2}:\d{2})?)?$/i;

/** A day is its midnight; a time without an offset is UTC. @throws KeystoneError KS_USAGE for what is no time. */
export function parseTimeUs(text: string, flag: string): number {
  const { day, minutes = '00:00', seconds = '00', fraction = '', offset = 'Z' } = TIME.exec(text.trim())?.groups ?? {};
  const midnight = day === undefined ? Number.NaN : Date.parse(`${day}T00:00:00Z`);
  const ms = Date.parse(`${day}T${minutes}:${seconds}${offset.toUpperCase()}`);
  // Date.parse takes 30 February for 2 March.
  if (Number.isNaN(ms) || Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== day) {
    throw new KeystoneError('KS_USAGE', `${flag} ${JSON.stringify(text)} is no time`, {
      hint: `write a day or an ISO time in UTC: ${flag} 2018-08-31, ${flag} 2018-08-31T12:00:00Z; offsets are chosen by --where "kafka_partition = 0 AND kafka_offset >= 100"`,
    });
  }
  return ms * 1000 + Number(fraction.padEnd(6, '0'));
}

/** @throws KeystoneError KS_USAGE for a time that is none, or a range that ends before it begins. */
export function parseTimeRange(from: string | undefined, to: string | undefined): TimeRange {
  const fromUs = from === undefined ? undefined : parseTimeUs(from, '--from');
  const toUs = to === undefined ? undefined : parseTimeUs(to, '--to');
  if (fromUs !== undefined && toUs !== undefined && toUs <= fromUs) {
    throw new KeystoneError('KS_USAGE', `--to ${to} is not after --from ${from}: no event lies between them`, {
      hint: 'the end itself is outside: one day is --from 2018-08-31 --to 2018-09-01',
    });
  }
  return { fromUs, toUs };
}

export const isOpen = ({ fromUs, toUs }: TimeRange): boolean => fromUs === undefined && toUs === undefined;

export const isWithin = ({ fromUs, toUs }: TimeRange, timeUs: number): boolean =>
  (fromUs === undefined || timeUs >= fromUs) && (toUs === undefined || timeUs < toUs);
