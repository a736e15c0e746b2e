import { Args, Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { engineChoice, engineFlag, readBy } from '../../cli/engine-flag.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import { withPartitionsText } from '../../cli/partitions-text.js';
import type { GoldPlan as Plan } from '../../core/gold/run-gold.js';

export default class GoldPlan extends KeystoneCommand {
  static override summary = 'Show which gold models are behind their inputs, and which partitions a run would replace';
  static override description =
    'Compares the snapshots that each gold table was built from with those of its inputs now. Changes nothing.';
  static override examples = ['<%= config.bin %> gold plan', '<%= config.bin %> gold plan fact_sales --json'];
  static override strict = false;
  static override args = {
    model: Args.string({ description: 'Models, e.g. fact_sales; each with the models it reads (default: all)' }),
  };
  static override flags = {
    ...listFlags,
    ...engineFlag,
    full: Flags.boolean({ description: 'As if every model were rebuilt whole' }),
  };

  async run(): Promise<Plan> {
    const { argv, flags } = await this.parse(GoldPlan);
    const lakehouse = await this.lakehouse();
    const { planGold } = await import('../../core/gold/run-gold.js');
    const plan = await planGold(lakehouse, {
      models: argv as string[],
      full: flags.full,
      ...engineChoice(flags, lakehouse),
      signal: this.signal,
      onProgress: this.progress,
    });
    this.printRows<object>(this.isForProgram() ? plan.models : withPartitionsText(plan.models), [
      'model',
      'action',
      'partitions',
      'reason',
    ]);
    const behind = plan.models.filter((model) => model.action !== 'none').length;
    this.done(
      `Done. ${counted(plan.models.length, 'model')}, ${behind} to build${readBy(plan)}${behind > 0 ? ': keystone gold run' : ''}`,
    );
    return plan;
  }
}
