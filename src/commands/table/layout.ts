import { Args, Flags } from '@oclif/core';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { TableLayout as Layout } from '../../core/care/describe-layout.js';
import type { LayoutChange } from '../../core/care/evolve-layout.js';

export default class TableLayout extends KeystoneCommand {
  static override summary = 'Show how a table is partitioned, what its bytes a day advise, and set the layout of bronze.events';
  static override description = `Without --to: the files under each partition spec, bytes a day, and the layout that fits them. With --to, files
written from now on are partitioned so; those that are there stay as they are and are read with them, and a running
consumer follows at its next batch.`;
  static override examples = [
    '<%= config.bin %> table layout',
    '<%= config.bin %> table layout bronze.events --to hour --dry-run',
    '<%= config.bin %> table layout bronze.events --to hour+bucket:16:source',
  ];
  static override args = {
    table: Args.string({ description: 'the table, <namespace>.<name>', default: 'bronze.events' }),
  };
  static override flags = {
    ...listFlags,
    to: Flags.string({ description: 'the layout of files to come: day, hour, or with buckets: hour+bucket:16:source' }),
    'dry-run': Flags.boolean({ description: 'with --to: say what would change, change nothing', dependsOn: ['to'] }),
  };

  async run(): Promise<Layout | LayoutChange> {
    const { args, flags } = await this.parse(TableLayout);
    const lakehouse = await this.lakehouse();
    if (flags.to !== undefined) {
      const { evolveLayout } = await import('../../core/care/evolve-layout.js');
      const change = await evolveLayout(lakehouse, args.table, flags.to, { dryRun: flags['dry-run'] ?? false });
      this.say(
        `${change.table}: ${change.from} -> ${change.to} (spec ${change.specId}${change.reused ? ', one it had before' : ''})`,
      );
      if (!change.changed) this.done(`Done. ${change.table} is partitioned by ${change.to} already; nothing changed.`);
      else if (change.dryRun) this.done(`Dry run. New files would be partitioned by ${change.to}; nothing was changed.`);
      else
        this.done(`Done. New files of ${change.table} are partitioned by ${change.to}; those that are there stay as they are.`);
      return change;
    }
    const [{ describeLayout }, { bytesText }] = await Promise.all([
      import('../../core/care/describe-layout.js'),
      import('../../core/care/layout-advice.js'),
    ]);
    const layout = await describeLayout(lakehouse, args.table);
    this.say(`${layout.table} is partitioned by ${layout.partition}`);
    this.printRows(layout.specs, ['specId', 'partition', 'current', 'files', 'rows', 'bytes']);
    for (const { day, bytes } of layout.days.filter((one) => one.bytes > 0)) this.say(`  ${day}  ${bytesText(bytes)}`);
    const { advice } = layout;
    if (!advice) this.done(`Done. Not set here: ${layout.fixedBy}.`);
    else if (advice.layout === layout.layout) this.done(`Done. ${advice.layout} fits: ${advice.reason}.`);
    else this.done(`Done. ${advice.reason}. Next: keystone table layout ${layout.table} --to ${advice.layout}`);
    return layout;
  }
}
