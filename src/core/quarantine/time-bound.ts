/** Bounds in time as people write them: `2018-08-31`, `2018-08-31T12:00:00`, or `7d` ago. */
import { KeystoneError } from '../errors.js';

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/**
 * A day begins at its first and ends behind its last microsecond; a moment, and `7d` (also `90m`, `24h`, `2w`) before `nowMs`, are
 * both. UTC, as DuckDB writes timestamps. Throws KS_USAGE for anything else.
 */
export function timeBound(text: string, nowMs: number): { readonly start: string; readonly end: string } {
  const [, amount, unit] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  if (amount !== undefined && unit !== undefined) {
    const at = timestampText(nowMs - Number(amount) * (UNITS_MS[unit] ?? 0));
    return { start: at, end: at };
  }
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const isMoment = /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z?$/.test(text);
  const time = isDay
    ? Date.parse(`${text}T00:00:00Z`)
    : isMoment
      ? Date.parse(`${text.replace(' ', 'T').replace(/Z$/, '')}Z`)
      : Number.NaN;
  if (Number.isNaN(time) || !new Date(time).toISOString().startsWith(text.slice(0, 10))) {
    throw new KeystoneError('KS_USAGE', `"${text}" is no date`, {
      hint: 'write a day (2018-08-31), a UTC moment (2018-08-31T12:00:00), or how long ago (90m, 24h, 7d, 2w)',
    });
  }
  return { start: timestampText(time), end: timestampText(isDay ? time + 86_400_000 : time) };
}

const timestampText = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
