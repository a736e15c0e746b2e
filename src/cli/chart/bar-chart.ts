/** Horizontal bars in text: a line for each, with its name, its value and a note. */
import type { ChartLook, ChartPoint } from './line-chart.js';

export interface Bar extends ChartPoint {
  /** The value as it is written behind the bar. */
  readonly text: string;
  readonly note?: string;
}

const EIGHTHS = ' ▏▎▍▌▋▊▉';
const LEAST_BAR = 10;
const MOST_BAR = 60;

/** Bars begin at zero and end at the highest value. Where the terminal is narrow the notes go first. */
export function barChart(bars: readonly Bar[], look: ChartLook): readonly string[] {
  const widest = (text: (bar: Bar) => string): number => bars.reduce((most, bar) => Math.max(most, text(bar).length), 0);
  const [names, texts] = [widest(({ label }) => label), widest(({ text }) => text)];
  const notes = widest(({ note }) => note ?? '');
  const room = look.widthColumns - names - texts - 4;
  const withNotes = notes > 0 && room - notes - 2 >= LEAST_BAR;
  const cells = Math.min(MOST_BAR, Math.max(1, withNotes ? room - notes - 2 : room));
  const most = bars.reduce((highest, { value }) => Math.max(highest, value), 0);
  return bars.map(({ label, value, text, note }) => {
    const bar = barText(most > 0 ? (value / most) * cells : 0, look.unicode);
    const drawn = look.colour ? `\u001B[36m${bar}\u001B[39m` : bar;
    const blanks = ' '.repeat(Math.max(0, cells - bar.length));
    const behind = withNotes && note !== undefined ? `  ${note}` : '';
    return `${label.padEnd(names)}  ${drawn}${blanks}  ${text.padStart(texts)}${behind}`.trimEnd();
  });
}

/** What is above zero shows at least the thinnest bar. */
function barText(cells: number, unicode: boolean): string {
  if (cells <= 0) return '';
  if (!unicode) return '#'.repeat(Math.max(1, Math.round(cells)));
  const eighths = Math.max(1, Math.round(cells * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + (eighths % 8 === 0 ? '' : (EIGHTHS[eighths % 8] ?? ''));
}
