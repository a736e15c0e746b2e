/** A line over evenly spaced points, in text. */
import asciichart from 'asciichart';
import { shortNumber } from './unit-text.js';

export interface ChartLook {
  readonly widthColumns: number;
  readonly colour: boolean;
  /** Box drawing characters; else ASCII only. */
  readonly unicode: boolean;
}

export interface ChartPoint {
  readonly label: string;
  readonly value: number;
}

const ASCII_SYMBOLS = ['+', '|', '-', '-', '-', "'", '.', '.', "'", '|'];
/** Room for the axis' numbers and the axis itself. */
const OFFSET = 9;
/** More than this between two points only looks coarse. */
const MOST_STEP = 5;

/**
 * The axis begins at zero, so that heights compare. More points than columns: the newest ones, and a line that says so. An empty
 * list for no points.
 */
export function lineChart(points: readonly ChartPoint[], heightLines: number, look: ChartLook): readonly string[] {
  const columns = Math.max(8, look.widthColumns - OFFSET - 1);
  const shown = points.slice(-columns);
  if (shown.length === 0) return [];
  const step = shown.length === 1 ? 1 : Math.min(MOST_STEP, Math.max(1, Math.floor((columns - 1) / (shown.length - 1))));
  const values = shown.map(({ value }) => value);
  const most = Math.max(...values);
  const plotted = asciichart
    .plot(stretched(values, step), {
      min: Math.min(0, ...values),
      max: most > 0 ? most : 1,
      height: heightLines - 1,
      offset: OFFSET,
      format: (value) => shortNumber(value).padStart(OFFSET - 2),
      ...(look.unicode ? {} : { symbols: ASCII_SYMBOLS }),
      ...(look.colour ? { colors: [asciichart.cyan] } : {}),
    })
    .split('\n')
    .map((line) => line.trimEnd());
  const left = points.length - shown.length;
  const labels = labelLine(shown, step, look.widthColumns);
  return [...plotted, labels, ...(left > 0 ? [`(${left} earlier ones do not fit)`] : [])];
}

/** `step` columns from one value to the next, on a straight line. */
function stretched(values: readonly number[], step: number): number[] {
  return values.flatMap((value, index) => {
    const next = values[index + 1];
    return next === undefined ? [value] : Array.from({ length: step }, (_, n) => value + ((next - value) * n) / step);
  });
}

/** Each label begins below its point; those that would touch the one before, or go over the edge, are left out. */
function labelLine(points: readonly ChartPoint[], step: number, widthColumns: number): string {
  let line = '';
  points.forEach(({ label }, index) => {
    const column = OFFSET - 1 + index * step;
    const fits = column + label.length <= widthColumns;
    if (fits && (line === '' || column >= line.length + 2)) line = line.padEnd(column) + label;
  });
  return line;
}
