import { Args, Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { RunCompactResult } from '../../core/care/run-compact.js';

export default class TableCompact extends KeystoneCommand {
  static override summary = 'Merge small data files, so that queries open fewer';
  static override description = `Files of one partition that are smaller than --small-file become files of up to --target-file. No row changes; the
replaced files stay for readers of earlier snapshots until table expire removes them. Safe beside a running consumer and beside readers: a merge that meets another writer is
given up and counted as a conflict. Without a table, all tables; a namespace stands for its tables. consume run does it by itself as care.* says.`;
  static override examples = [
    '<%= config.bin %> table compact',
    '<%= config.bin %> table compact silver.orders --dry-run',
    '<%= config.bin %> table compact silver bronze --target-file 256MB --min-files 4',
  ];
  static override strict = false;
  static override args = {
    tables: Args.string({ description: 'tables or namespaces, e.g. silver.orders or silver', ignoreStdin: true }),
  };
  static override flags = {
    ...listFlags,
    'small-file': Flags.string({ description: 'merge files below this size (care.smallFile)' }),
    'target-file': Flags.string({ description: 'size up to which they are merged (care.targetFile)' }),
    'min-files': Flags.integer({ description: 'leave partitions with fewer small files alone', min: 2, default: 2 }),
    'dry-run': Flags.boolean({ default: false, description: 'say what would be merged and change nothing' }),
  };

  async run(): Promise<RunCompactResult> {
    const { flags, argv } = await this.parse(TableCompact);
    const lakehouse = await this.lakehouse({ 'small-file': 'care.smallFile', 'target-file': 'care.targetFile' });
    const { runCompact } = await import('../../core/care/run-compact.js');
    const result = await runCompact(lakehouse, {
      tables: argv.map(String),
      minFiles: flags['min-files'],
      dryRun: flags['dry-run'],
      progress: this.progress,
      signal: this.signal,
    });
    this.printRows(result.tables, ['table', 'filesBefore', 'filesAfter', 'merged', 'into', 'mergedBytes', 'conflicts']);
    const [merged, into] = [sum(result, 'merged'), sum(result, 'into')];
    if (result.dryRun) this.done(`Dry run. ${counted(merged, 'file')} would become ${into}; nothing was changed.`);
    else this.done(`Done. ${counted(merged, 'file')} became ${into} in ${counted(result.tables.length, 'table')}.`);
    return result;
  }
}

const sum = (result: RunCompactResult, of: 'merged' | 'into'): number =>
  result.tables.reduce((total, table) => total + table[of], 0);
