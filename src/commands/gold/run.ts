import { Args, Flags } from '@oclif/core';
import { engineChoice, engineFlag, readBy } from '../../cli/engine-flag.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import { withPartitionsText } from '../../cli/partitions-text.js';
import type { GoldPlan, GoldRun as Run } from '../../core/gold/run-gold.js';

export default class GoldRun extends KeystoneCommand {
  static override summary = 'Build the gold models that are behind their inputs';
  static override description =
    'Each model becomes one atomic snapshot of its table: only the partitions that a change touches are replaced, where the model says which those are. A second run over unchanged inputs commits nothing. ' +
    'With --engine athena or trino the service computes the rows and leaves them in the lake’s _staging folder, from where they are taken over; the tables come out the same.';
  static override examples = [
    '<%= config.bin %> gold run',
    '<%= config.bin %> gold run fact_sales',
    '<%= config.bin %> gold run --full',
    '<%= config.bin %> gold run --dry-run',
    '<%= config.bin %> gold run --engine athena --max-scan 10GB',
  ];
  static override strict = false;
  static override args = {
    model: Args.string({ description: 'Models, e.g. fact_sales; each with the models it reads (default: all)' }),
  };
  static override flags = {
    ...listFlags,
    ...engineFlag,
    full: Flags.boolean({ description: 'Rebuild every model whole' }),
    force: Flags.boolean({
      default: false,
      description: 'Also where the level of degradation (degrade status) does not allow it',
    }),
    'dry-run': Flags.boolean({ description: 'Say what would be built and change nothing' }),
  };

  async run(): Promise<Run | GoldPlan> {
    const { argv, flags } = await this.parse(GoldRun);
    const lakehouse = await this.lakehouseAsking(flags.engine);
    const { planGold, runGold } = await import('../../core/gold/run-gold.js');
    const options = {
      models: argv as string[],
      full: flags.full,
      force: flags.force,
      ...engineChoice(flags, lakehouse),
      signal: this.signal,
      onProgress: this.progress,
    };
    if (flags['dry-run']) {
      const plan = await planGold(lakehouse, options);
      this.printRows<object>(this.isForProgram() ? plan.models : withPartitionsText(plan.models), [
        'model',
        'action',
        'partitions',
        'reason',
      ]);
      this.done(`Dry run. ${plan.models.filter((model) => model.action !== 'none').length} models would be built${readBy(plan)}`);
      return plan;
    }
    const done = await runGold(lakehouse, options);
    this.printRows<object>(this.isForProgram() ? done.models : withPartitionsText(done.models), [
      'model',
      'action',
      'rows',
      'filesAdded',
      'filesRemoved',
      'partitions',
      'reason',
    ]);
    const built = done.models.filter((model) => model.filesAdded + model.filesRemoved > 0);
    const rows = built.reduce((sum, model) => sum + model.rows, 0);
    const seconds = (done.elapsedMs / 1000).toFixed(1);
    this.done(
      `Done. ${done.models.length} models: ${built.length} written with ${rows} rows, the others current${readBy(done)}, in ${seconds} s`,
    );
    return done;
  }
}
