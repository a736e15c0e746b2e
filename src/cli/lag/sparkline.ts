/** A row of small bars: how a number went over time, the newest at the right. */

const UNICODE_BARS = '▁▂▃▄▅▆▇█';
const ASCII_BARS = '_.-=+*%#';

/**
 * The last `width` values. Zero is a blank, the highest value shown the full bar, and anything between at least the lowest bar: one
 * event of lag is not none. Fewer values than `width` leave blanks at the left.
 */
export function sparkline(values: readonly number[], width: number, unicode: boolean): string {
  const bars = unicode ? UNICODE_BARS : ASCII_BARS;
  const shown = values.slice(-width);
  const highest = shown.reduce((most, value) => Math.max(most, value), 0);
  const text = shown.map((value) =>
    value <= 0 ? ' ' : (bars[Math.min(bars.length - 1, Math.ceil((value / highest) * bars.length) - 1)] ?? ' '),
  );
  return text.join('').padStart(width);
}
