import { Args, Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { RunOrphansResult } from '../../core/care/run-orphans.js';

export default class TableOrphans extends KeystoneCommand {
  static override summary = 'Remove files that crashes and refused commits left, and that no snapshot names';
  static override description = `Looks through the folders of the tables for old files that no kept snapshot names, and removes them. Safe beside a running
consumer, readers and compaction: a file that is being written is young, so nothing younger than an hour goes. Staged files of
processes that were killed go too, and without a table what killed runs of gold left in _staging. Without a table, all tables; a namespace stands for its tables.`;
  static override examples = [
    '<%= config.bin %> table orphans --dry-run',
    '<%= config.bin %> table orphans silver --older-than 12h --yes',
    '<%= config.bin %> table orphans bronze.events --dry-run --json',
  ];
  static override strict = false;
  static override args = {
    tables: Args.string({ description: 'tables or namespaces, e.g. silver.orders or silver', ignoreStdin: true }),
  };
  static override flags = {
    ...listFlags,
    'older-than': Flags.string({ default: '3d', description: 'only files that were written this long ago, at least 1h' }),
    'dry-run': Flags.boolean({ default: false, description: 'say what would go and change nothing' }),
    yes: Flags.boolean({ char: 'y', default: false, description: "agree that it can't be taken back" }),
  };

  async run(): Promise<RunOrphansResult> {
    const { flags, argv } = await this.parse(TableOrphans);
    const lakehouse = await this.lakehouse();
    const { runOrphans } = await import('../../core/care/run-orphans.js');
    const result = await runOrphans(lakehouse, {
      tables: argv.map(String),
      olderThan: flags['older-than'],
      dryRun: flags['dry-run'],
      confirmed: flags.yes,
      progress: this.progress,
      signal: this.signal,
    });
    this.printRows(result.tables, ['table', 'files', 'bytes', 'examined']);
    for (const { examples } of result.tables) for (const key of examples) this.say(`  ${key}`);
    if (result.staged.files > 0) this.say(`  _staging: ${counted(result.staged.files, 'file')}`);
    const { files, bytes } = result.totals;
    if (result.dryRun) this.done(`Dry run. ${counted(files, 'file')} (${counted(bytes, 'byte')}) would go; nothing was changed.`);
    else this.done(`Done. ${counted(files, 'file')} removed, ${counted(bytes, 'byte')} free.`);
    return result;
  }
}
