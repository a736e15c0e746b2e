/** An insight as charts in text. */
import { barChart } from './bar-chart.js';
import { INSIGHT_FIGURES, type Figure, type FigureSeries, type ShownInsight } from './insight-figures.js';
import { lineChart, type ChartLook } from './line-chart.js';
import { unitText } from './unit-text.js';

const LINE_HEIGHT = { first: 12, other: 7 };

/** Ends in a line end; says so when there is nothing to draw. */
export function insightChart({ insight, rows }: ShownInsight, look: ChartLook): string {
  const { figures } = INSIGHT_FIGURES[insight.insight];
  if (rows.length === 0) return 'There are no rows to draw.\n';
  const blocks = figures(rows).flatMap((figure) => (figure.continuous ? lineBlocks(figure, look) : [barBlock(figure, look)]));
  return blocks.map((lines) => `${lines.join('\n')}\n`).join('\n');
}

const heading = (text: string, { colour }: ChartLook): string => (colour ? `\u001B[1m${text}\u001B[22m` : text);

/** Series of different units do not share an axis: a chart each. */
const lineBlocks = (figure: Figure, look: ChartLook): readonly (readonly string[])[] =>
  figure.series.map((series, index) => [
    heading(`${series.name}${series.unit === 'money' ? ' (R$)' : ''}`, look),
    ...lineChart(
      series.values.map((value, n) => ({ label: figure.labels[n] ?? '', value })),
      index === 0 ? LINE_HEIGHT.first : LINE_HEIGHT.other,
      look,
    ),
  ]);

function barBlock({ title, labels, series }: Figure, look: ChartLook): readonly string[] {
  const [first, second] = series;
  if (!first) return [];
  const text = (of: FigureSeries, n: number): string => unitText(of.values[n] ?? 0, of.unit);
  const bars = labels.map((label, n) => ({
    label,
    value: first.values[n] ?? 0,
    text: text(first, n),
    ...(second ? { note: `${text(second, n).padStart(7)} ${second.name.toLowerCase()}` } : {}),
  }));
  return [heading(title, look), ...barChart(bars, look)];
}
