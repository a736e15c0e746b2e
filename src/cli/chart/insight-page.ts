/**
 * Insights as one HTML page that needs nothing else: style, uPlot and data are in it, and its content security policy forbids every
 * request, so it can be mailed, archived and opened without a network. The tables are there without the script, too.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { jsonText } from '../json-text.js';
import { INSIGHT_FIGURES, type Figure, type ShownInsight } from './insight-figures.js';
import { unitText, type Unit } from './unit-text.js';

const TOTAL_UNITS: Readonly<Record<string, Unit>> = { revenue: 'money', revenue_with_freight: 'money', money: 'money' };

/** The whole page. `source` names the project: the page may be mailed, and paths of this machine are nothing to its readers; `nowMs` is when it was made. */
export async function insightPage(
  shown: readonly ShownInsight[],
  made: { readonly source: string; readonly nowMs: number },
): Promise<string> {
  const dist = pathToFileURL(createRequire(import.meta.url).resolve('uplot'));
  const [plotScript, plotStyle, style, script] = await Promise.all([
    readFile(new URL('uPlot.iife.min.js', dist), 'utf8'),
    readFile(new URL('uPlot.min.css', dist), 'utf8'),
    readFile(new URL('page-style.css', import.meta.url), 'utf8'),
    readFile(new URL('page-charts.js', import.meta.url), 'utf8'),
  ]);
  const figures: Figure[] = [];
  const sections = shown.map((one) => section(one, figures));
  const scripts = [plotScript, script].map(closedScript);
  const hashes = scripts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ');
  const title = shown.length === 1 && shown[0] ? INSIGHT_FIGURES[shown[0].insight.insight].title : 'Insights';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src ${hashes}">
<link rel="icon" href="data:,">
<title>${html(`${title} - Keystone`)}</title>
<style>${plotStyle}
${style}</style>
</head>
<body>
<header><h1>${html(title)}</h1>
<p>Made ${html(`${new Date(made.nowMs).toISOString().slice(0, 16).replace('T', ' ')} UTC from ${made.source}`)}</p></header>
<main>
${sections.join('\n')}
</main>
<script type="application/json" id="figures">${embedded(figures)}</script>
${scripts.map((text) => `<script>${text}</script>`).join('\n')}
</body>
</html>
`;
}

/** Adds its figures to `figures`: a figure's place there is its element's id. */
function section({ insight, rows }: ShownInsight, figures: Figure[]): string {
  const { title, question, figures: figuresOf } = INSIGHT_FIGURES[insight.insight];
  const totals = Object.entries(insight.totals).map(
    ([name, value]) =>
      `<div><dt>${html(name.replaceAll('_', ' '))}</dt><dd>${html(unitText(value, TOTAL_UNITS[name] ?? 'count'))}</dd></div>`,
  );
  const drawn = rows.length === 0 ? [] : figuresOf(rows);
  const elements = drawn.map((figure) => {
    figures.push(figure);
    const id = `figure-${figures.length - 1}`;
    return `<figure><h3>${html(figure.title)}</h3><div class="chart" id="${id}" role="img" aria-label="${html(figure.title)}"></div></figure>`;
  });
  const asOf = insight.asOf === null ? '' : ` As of ${insight.asOf}.`;
  return `<section>
<h2>${html(title)}</h2>
<p>${html(question + asOf)}</p>
<dl class="totals">${totals.join('')}</dl>
${elements.join('\n')}
${rows.length === 0 ? '<p>There are no rows.</p>' : table({ insight, rows })}
</section>`;
}

function table({ insight, rows }: ShownInsight): string {
  const { columns } = INSIGHT_FIGURES[insight.insight];
  const known = insight.columns.map(({ name }) => ({ name, ...(columns[name] ?? { heading: name, unit: 'text' as const }) }));
  const cell = (tag: 'th' | 'td', unit: Unit, text: string): string =>
    `<${tag}${unit === 'text' ? '' : ' class="number"'}>${html(text)}</${tag}>`;
  const head = known.map(({ heading, unit }) => cell('th', unit, heading)).join('');
  const body = rows.map(
    (row) => `<tr>${known.map(({ name, unit }) => cell('td', unit, unitText(row[name], unit))).join('')}</tr>`,
  );
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>
${body.join('\n')}
</tbody></table></div>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const html = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

/** JSON inside a script element: no `<` means no `</script>` and no `<!--`, whatever the data hold. */
const embedded = (value: unknown): string => jsonText(value).replaceAll('<', String.raw`\u003c`);

/** The same for code of our own making and uPlot's, where `</script` can only stand in a text. */
const closedScript = (code: string): string => code.replaceAll(/<\/(script)/gi, String.raw`<\/$1`);
