import { Args, Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { RunExpireResult } from '../../core/care/run-expire.js';

export default class TableExpire extends KeystoneCommand {
  static override summary = 'Drop old snapshots, and the files that only they name';
  static override description = `What is gone can't be queried with time travel or rolled back to any more; the table's rows stay as they are. Safe beside
a running consumer, readers and compaction. Kept whatever the flags say: what branches and tags name, the state before the
last range of the log (the account needs it), and what a rollback took from readers. Without a table, all tables; a namespace
stands for its tables. consume run does it by itself as care.* says.`;
  static override examples = [
    '<%= config.bin %> table expire --dry-run',
    '<%= config.bin %> table expire silver.orders --keep 10 --older-than 1d --yes',
    '<%= config.bin %> table expire silver gold --older-than 7d --yes --json',
  ];
  static override strict = false;
  static override args = {
    tables: Args.string({ description: 'tables or namespaces, e.g. silver.orders or silver', ignoreStdin: true }),
  };
  static override flags = {
    ...listFlags,
    keep: Flags.integer({ description: 'newest snapshots that stay (care.keepSnapshots)', min: 1 }),
    'older-than': Flags.string({
      description: 'only snapshots that stopped being current this long ago, e.g. 1h or 7d (care.keepFor)',
    }),
    'dry-run': Flags.boolean({ default: false, description: 'say what would go and change nothing' }),
    yes: Flags.boolean({ char: 'y', default: false, description: "agree that it can't be taken back" }),
    force: Flags.boolean({ default: false, description: 'also snapshots that ended within the last minute: their readers fail' }),
  };

  async run(): Promise<RunExpireResult> {
    const { flags, argv } = await this.parse(TableExpire);
    const lakehouse = await this.lakehouse({ keep: 'care.keepSnapshots', 'older-than': 'care.keepFor' });
    const { runExpire } = await import('../../core/care/run-expire.js');
    const result = await runExpire(lakehouse, {
      tables: argv.map(String),
      dryRun: flags['dry-run'],
      confirmed: flags.yes,
      force: flags.force,
      progress: this.progress,
      signal: this.signal,
    });
    this.printRows(result.tables, [
      'table',
      'expiredSnapshots',
      'keptSnapshots',
      'dataFiles',
      'bytes',
      'metadataFiles',
      'emptiedVersions',
    ]);
    const { expiredSnapshots, dataFiles, bytes, metadataFiles, emptiedVersions } = result.totals;
    const files = `${dataFiles} data files (${bytes} bytes) and ${metadataFiles} metadata files`;
    if (result.dryRun)
      this.done(`Dry run. ${counted(expiredSnapshots, 'snapshot')} would go, with ${files}; nothing was changed.`);
    else
      this.done(
        `Done. ${counted(expiredSnapshots, 'snapshot')} expired, with ${files}; ${counted(emptiedVersions, 'old version')} emptied.`,
      );
    return result;
  }
}
