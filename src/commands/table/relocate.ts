import { Flags } from '@oclif/core';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { Relocation } from '../../core/care/relocate-lake.js';

export default class TableRelocate extends KeystoneCommand {
  static override summary = 'Make a lake folder that was moved or copied readable where it lies now';
  static override description = `The metadata of Iceberg tables holds absolute paths. For every table of the lake that names another folder, this writes new
manifests with the paths of today and makes them current; data files are not touched, and no snapshot is lost. Each table changes in one
step: after a crash the same command goes on. Refused while the old folder still holds the lake, or when files did not come along.`;
  static override examples = [
    '<%= config.bin %> table relocate --dry-run',
    '<%= config.bin %> table relocate',
    '<%= config.bin %> table relocate --force --json',
  ];
  static override flags = {
    ...listFlags,
    'dry-run': Flags.boolean({
      default: false,
      description: 'say what would be rewritten and which files are missing; change nothing',
    }),
    force: Flags.boolean({ default: false, description: 'also when the old folder still holds the lake, or files are missing' }),
  };

  async run(): Promise<Relocation> {
    const { flags } = await this.parse(TableRelocate);
    const lakehouse = await this.lakehouse();
    const { relocateLake } = await import('../../core/care/relocate-lake.js');
    const done = await relocateLake(lakehouse, {
      dryRun: flags['dry-run'],
      force: flags.force,
      progress: this.progress,
      signal: this.signal,
    });
    const rows = done.tables.map((table) => ({ ...table, missing: table.missing.length }));
    this.printRows(rows, ['table', 'snapshots', 'manifests', 'dataFiles', 'missing']);
    const missing = done.tables.flatMap((table) => table.missing);
    if (missing.length > 0) this.addWarning(`${missing.length} files did not come along, the first ${missing[0]}`);
    if (done.tables.length === 0) this.done(`Done. Nothing to do: the lake lies where its tables say, in ${done.to}.`);
    else if (done.dryRun) this.done(`Dry run. ${done.tables.length} tables name ${done.from.join(', ')}; nothing was changed.`);
    else
      this.done(
        `Done. ${done.tables.length} tables of ${done.from.join(', ')} are readable in ${done.to}. Next: keystone ledger verify`,
      );
    return done;
  }
}
