import { Args, Flags } from '@oclif/core';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { Insight } from '../../core/gold/gold-insight.js';

export default class GoldInsight extends KeystoneCommand {
  static override summary = 'Answer one of three questions from gold: growth, logistics, segments';
  static override description = `growth: sales by purchase month and their growth. logistics: delivery days and punctuality by state, slowest first. segments: customers by recency, frequency and money, looking back from --as-of.`;
  static override examples = [
    '<%= config.bin %> gold insight growth',
    '<%= config.bin %> gold insight segments --as-of 2018-09-01 --json',
  ];
  static override args = {
    insight: Args.string({ required: true, options: ['growth', 'logistics', 'segments'], description: 'The question' }),
  };
  static override flags = {
    ...listFlags,
    'as-of': Flags.string({ description: 'segments only: the day to look back from (default: the day after the last purchase)' }),
  };

  async run(): Promise<Insight> {
    const { args, flags } = await this.parse(GoldInsight);
    const lakehouse = await this.lakehouse();
    const { goldInsight } = await import('../../core/gold/gold-insight.js');
    const insight = await goldInsight(lakehouse, {
      name: args.insight as Insight['insight'],
      ...(flags['as-of'] === undefined ? {} : { asOf: flags['as-of'] }),
      signal: this.signal,
    });
    const rows = this.printRows(
      insight.rows,
      insight.columns.map((column) => column.name),
    );
    const totals = Object.entries(insight.totals).map(([name, value]) => `${value} ${name.replaceAll('_', ' ')}`);
    this.done(`Done. ${rows.length} rows: ${totals.join(', ')}${insight.asOf === null ? '' : `, as of ${insight.asOf}`}`);
    return insight;
  }
}
