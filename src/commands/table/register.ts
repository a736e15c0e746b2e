import { Args, Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { Registration } from '../../core/care/register-tables.js';

export default class TableRegister extends KeystoneCommand {
  static override strict = false;
  static override summary = 'Enter tables whose files lie in the lake into its Glue catalog, as they are';
  static override description = `For a lake that was its own catalog and goes on in Glue, for a copy of a lake under another catalog.glue.databasePrefix (then also
keystone table relocate), and for tables that were dropped from Glue. Each table is entered under its newest metadata file; none of its files
is changed, and a catalog in the folder is closed, so that nobody commits there any more. Name tables or namespaces, or nothing for all.`;
  static override examples = [
    '<%= config.bin %> table register --dry-run',
    '<%= config.bin %> table register --yes',
    '<%= config.bin %> table register silver.orders gold --yes --json',
  ];
  static override args = {
    tables: Args.string({ description: 'tables or namespaces, e.g. silver.orders or silver', ignoreStdin: true }),
  };
  static override flags = {
    ...listFlags,
    'dry-run': Flags.boolean({ default: false, description: 'say which tables would be entered; change nothing' }),
    yes: Flags.boolean({ char: 'y', default: false, description: 'agree that no other catalog goes on to name these tables' }),
  };

  async run(): Promise<Registration> {
    const { argv, flags } = await this.parse(TableRegister);
    const lakehouse = await this.lakehouse();
    const { registerTables } = await import('../../core/care/register-tables.js');
    const result = await registerTables(lakehouse, {
      tables: argv.map(String),
      dryRun: flags['dry-run'],
      confirmed: flags.yes,
      progress: this.progress,
      signal: this.signal,
    });
    this.printRows(result.tables, ['table', 'snapshots', 'lastUpdated', 'metadata']);
    const tables = counted(result.tables.length, 'table');
    if (result.tables.length === 0)
      this.done(`Done. Nothing to do: the catalog knows every table of the lake (${result.known}).`);
    else if (result.dryRun) this.done(`Dry run. ${tables} would be entered; nothing was changed.`);
    else this.done(`Done. ${tables} entered. Next: keystone doctor`);
    return result;
  }
}
