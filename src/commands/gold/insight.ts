import { Args, Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import { shapeRows } from '../../cli/shape-rows.js';
import { coloured, showsUnicode } from '../../cli/terminal.js';
import { refuseExisting, writeWholeFile } from '../../cli/whole-file.js';
import type { Insight } from '../../core/gold/gold-insight.js';

const NAMES = ['growth', 'logistics', 'segments'] as const;

export default class GoldInsight extends KeystoneCommand {
  static override summary = 'Answer one of three questions from gold: growth, logistics, segments; as rows, charts, or a page';
  static override description = `growth: sales by purchase month; growth_percent is that of revenue against the month listed before (a month without a sale is not listed). logistics: delivery days and punctuality by state, slowest first. segments: customers by recency, frequency and money, looking back from --as-of.
--html writes a page that holds all it needs (style, script, data), so it can be mailed and opened without a network.`;
  static override examples = [
    '<%= config.bin %> gold insight growth',
    '<%= config.bin %> gold insight logistics --chart',
    '<%= config.bin %> gold insight all --html insights.html',
    '<%= config.bin %> gold insight segments --as-of 2018-09-01 --json',
  ];
  static override args = {
    insight: Args.string({ required: true, options: [...NAMES, 'all'], description: 'The question; all with --chart or --html' }),
  };
  static override flags = {
    ...listFlags,
    'as-of': Flags.string({ description: 'segments only: the day to look back from (default: the day after the last purchase)' }),
    chart: Flags.boolean({ default: false, description: 'Draw charts in the terminal instead of the rows' }),
    html: Flags.string({ description: 'Write a self-contained page with charts and tables to this file', helpValue: 'FILE' }),
    force: Flags.boolean({ default: false, description: 'Replace the file of --html' }),
  };

  async run(): Promise<Insight | { readonly insights: readonly Insight[] }> {
    const { args, flags } = await this.parse(GoldInsight);
    const lakehouse = await this.lakehouse();
    const { chart, html, force } = flags;
    const question = `${this.config.bin} gold insight ${args.insight}`;
    const refuse = (message: string, hint: string): never => {
      throw this.wrongUse(message, hint);
    };
    if (chart && this.isForProgram())
      refuse('--chart is for people: it goes with no --json and no --output', `${question} --chart`);
    if (args.insight === 'all' && !chart && html === undefined)
      refuse('all three at once are no rows of one kind', `${question} --html insights.html, or ${question} --chart`);
    if (flags.columns !== undefined && (chart || html !== undefined))
      refuse('--columns chooses columns of the rows; charts and the page have their own', question);
    if (html === '' || html === '-') refuse(`--html ${html} names no file`, `${question} --html insights.html`);
    if (force && html === undefined)
      refuse('--force replaces the file of --html, and there is none', `${question} --html insights.html --force`);
    if (html !== undefined) await refuseExisting(html, force);
    const { goldInsight } = await import('../../core/gold/gold-insight.js');
    const names = NAMES.filter((name) => args.insight === 'all' || name === args.insight);
    const shown = [];
    for (const name of names) {
      const asOf =
        flags['as-of'] !== undefined && (args.insight !== 'all' || name === 'segments') ? { asOf: flags['as-of'] } : {};
      const insight = await goldInsight(lakehouse, { name, ...asOf, signal: this.signal });
      const columns = insight.columns.map((column) => column.name);
      // The rows themselves, unless something else is asked for; a program gets them whatever else is.
      const plain = (!chart && html === undefined) || this.isForProgram();
      const rows = plain ? this.printRows(insight.rows, columns) : shapeRows(insight.rows, columns, flags).rows;
      shown.push({ insight, rows: rows as readonly Readonly<Record<string, unknown>>[] });
    }
    if (chart) {
      const { insightChart } = await import('../../cli/chart/insight-chart.js');
      const { isTTY, columns } = process.stdout;
      const look = { widthColumns: isTTY && columns ? columns : 80, colour: coloured(process.stdout), unicode: showsUnicode() };
      this.say(shown.map((one) => insightChart(one, look).trimEnd()).join('\n\n'));
    }
    if (html !== undefined) {
      const { insightPage } = await import('../../cli/chart/insight-page.js');
      const made = { source: `the project ${lakehouse.config.project}`, nowMs: this.effects().clock.nowMs() };
      await writeWholeFile(html, await insightPage(shown, made), force);
    }
    const totals = shown.map(({ insight, rows }) => {
      const sums = Object.entries(insight.totals).map(([name, value]) => `${value} ${name.replaceAll('_', ' ')}`);
      return `${counted(rows.length, 'row')}: ${sums.join(', ')}${insight.asOf === null ? '' : `, as of ${insight.asOf}`}`;
    });
    this.done(`Done. ${totals.join('; ')}${html === undefined ? '' : `; the page is ${html}`}`);
    for (const { insight } of shown)
      if (insight.asOf !== null && insight.rows.length === 0)
        this.addWarning(`there is no delivered purchase up to ${insight.asOf}`);
    const [only] = shown;
    return shown.length === 1 && only ? only.insight : { insights: shown.map(({ insight }) => insight) };
  }
}
