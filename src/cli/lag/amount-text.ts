/** Numbers for a narrow column: short, and with their unit. */
import type { DrainEstimate } from '../../core/lag/drain-estimate.js';

export const wholeText = (value: number): string => value.toLocaleString('en-US');

/** `0`, `0.04`, `9.5`, `870`, `12.4k`, `3.1M` per second; a dash while unknown. */
export function rateText(perSecond: number | null): string {
  if (perSecond === null) return '-';
  if (perSecond === 0) return '0';
  if (perSecond < 0.095) return perSecond.toFixed(2);
  if (perSecond < 99.95) return perSecond.toFixed(1);
  if (perSecond < 9_999.5) return String(Math.round(perSecond));
  return perSecond < 999_950 ? `${(perSecond / 1e3).toFixed(1)}k` : `${(perSecond / 1e6).toFixed(1)}M`;
}

/** `0 s`, `4.2 s`, `59 s`, `3m 20s`, `2h 05m`, `4d 07h`. */
export function durationText(seconds: number): string {
  if (seconds === 0) return '0 s';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h ${two((whole % 3600) / 60)}m`;
  return `${Math.floor(whole / 86_400)}d ${two((whole % 86_400) / 3600)}h`;
}

/** The time to drain, or the word for why there is none. */
export function drainText(drain: DrainEstimate): string {
  switch (drain.kind) {
    case 'draining':
      return durationText(drain.seconds);
    case 'caught_up':
    case 'unknown':
      return '-';
    default:
      return drain.kind;
  }
}
