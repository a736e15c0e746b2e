/** Rejected events as cells and lines for people. Payloads are strangers' bytes: control characters never reach the terminal. */
import type { StatsRow } from '../core/quarantine/quarantine-stats.js';
import type { RejectedSample, RejectedShape } from '../core/quarantine/sample-quarantine.js';
import type { RejectedHit } from '../core/quarantine/search-quarantine.js';
import { sparkline } from './lag/sparkline.js';

const SHAPE_LENGTH = 160;
const PAYLOAD_LENGTH = 300;

/** `0.0312` → `3.12 %`; what rounds to nothing is `<0.01 %`; unknown is empty. */
export function shareText(share: number | null): string {
  if (share === null) return '';
  const percent = share * 100;
  return percent > 0 && percent < 0.01 ? '<0.01 %' : `${percent.toFixed(2)} %`;
}

/** A row of `quarantine stats`. */
export const statsCells = (row: StatsRow): object => ({
  ...row,
  share: shareText(row.share),
  trend: `|${sparkline(row.trend, row.trend.length, true)}|`,
});

/** A row of `quarantine search`: the hit between « » in its surroundings. */
export const hitCells = (row: RejectedHit): object => ({
  ...row,
  foundIn: row.foundIn.join(', '),
  hit: oneLine(`${row.before}«${row.hit}»${row.after}`),
});

/** A row of `quarantine samples`. */
export const shapeCells = (row: RejectedShape): object => ({
  ...row,
  reasons: row.reasons.join(', '),
  shape: cut(oneLine(row.shape), SHAPE_LENGTH) + (row.csvLines === null ? '' : ` (CSV lines ${row.csvLines.join(' to ')})`),
  sources: row.sources.join(', '),
});

/** One sample as a line under the groups. */
export function sampleText({ origin, csvLine, payload, payloadBytes }: RejectedSample): string {
  const line = csvLine === null ? '' : `, CSV line ${csvLine}`;
  return `${origin} (${payloadBytes} bytes${line}): ${payload === null ? 'tombstone' : cut(oneLine(payload), PAYLOAD_LENGTH)}`;
}

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

const oneLine = (text: string): string =>
  text
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
