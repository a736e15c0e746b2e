import { Args, Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { Publication } from '../../core/publish/publish-datasets.js';

export default class ContractPublish extends KeystoneCommand {
  static override strict = false;
  static override summary = 'Export silver tables as plain Hive tables, for readers who know no Iceberg';
  static override description = `Each dataset is written whole as Parquet with millisecond timestamps, in folders year=/month=/day= where its contract names a
partition, below publish/<dataset>/ in the lake. With catalog.adapter glue a table <prefix>publish.<dataset> with partition projection and
the contract's comments is then pointed at the new folder in one step; without, publish/<dataset>/current.json names it. The export before
stays for queries that are under way. What did not change since is not written again.`;
  static override examples = [
    '<%= config.bin %> contract publish --dry-run',
    '<%= config.bin %> contract publish orders order_items',
    '<%= config.bin %> contract publish --force --json',
  ];
  static override args = {
    datasets: Args.string({ description: 'datasets, e.g. orders; default: all that have a silver table', ignoreStdin: true }),
  };
  static override flags = {
    ...listFlags,
    'dry-run': Flags.boolean({ default: false, description: 'say what would be exported; write nothing' }),
    force: Flags.boolean({ default: false, description: 'also datasets that did not change since their last export' }),
  };

  async run(): Promise<Publication> {
    const { argv, flags } = await this.parse(ContractPublish);
    const lakehouse = await this.lakehouse();
    const { publishDatasets } = await import('../../core/publish/publish-datasets.js');
    const result = await publishDatasets(lakehouse, {
      datasets: argv.map(String),
      dryRun: flags['dry-run'],
      force: flags.force,
      progress: this.progress,
      signal: this.signal,
    });
    const known = result.dryRun ? ['sourceFiles', 'sourceBytes'] : ['files', 'bytes'];
    const where = result.dryRun ? [] : ['location'];
    this.printRows(result.datasets, ['dataset', 'outcome', 'rows', ...known, 'readerTable', ...where]);
    if (!result.hasCatalog)
      this.addWarning('this profile has no Glue catalog: there are files, and current.json beside them, but no tables to ask');
    const changed = result.datasets.filter(({ outcome }) => outcome !== 'unchanged');
    const rows = counted(
      changed.reduce((sum, one) => sum + one.rows, 0),
      'row',
    );
    const unchanged = result.datasets.length - changed.length;
    const what = `${counted(changed.length, 'dataset')} with ${rows}`;
    if (result.dryRun) this.done(`Dry run. ${what} would be published, ${unchanged} unchanged; nothing was written.`);
    else this.done(`Done. ${what} published, ${unchanged} unchanged.`);
    return result;
  }
}
