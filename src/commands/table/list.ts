import { Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { TableSummary } from '../../core/table/describe-table.js';

export default class TableList extends KeystoneCommand {
  static override summary = "List the lake's tables with their rows, files and newest snapshot";
  static override description = `Every table is Apache Iceberg v2; metadataLocation (with --json) is what other engines open it by. Counts come from
the newest snapshot's summary, so no data file is read.`;
  static override examples = [
    '<%= config.bin %> table list',
    '<%= config.bin %> table list --namespace silver --sort rows:desc',
    '<%= config.bin %> table list --json',
  ];
  static override flags = {
    ...listFlags,
    namespace: Flags.string({
      char: 'n',
      description: 'only the tables of this namespace: bronze, silver, gold, quarantine, error, ledger',
    }),
  };

  async run(): Promise<readonly TableSummary[]> {
    const { flags } = await this.parse(TableList);
    const lakehouse = await this.lakehouse();
    const { describeTables } = await import('../../core/table/describe-table.js');
    const tables = await describeTables(lakehouse, flags.namespace);
    const { movedLake } = await import('../../core/table/moved-lake.js');
    const moved = await movedLake(lakehouse);
    if (moved) this.addWarning(`${moved.found}; ${moved.hint}`);
    for (const { name, location } of (await (await lakehouse.catalog()).outside?.()) ?? [])
      this.addWarning(`${name} is left out: it lies outside the lake, at ${location}`);
    this.printRows(tables, ['name', 'rows', 'dataFiles', 'bytes', 'partition', 'snapshots', 'currentSnapshotId', 'lastUpdated']);
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    this.done(
      `Done. ${counted(tables.length, 'table')}, ${counted(rows, 'row')}.${tables.length === 0 ? await this.whyNone(flags.namespace) : ''}`,
    );
    return tables;
  }

  private async whyNone(namespace: string | undefined): Promise<string> {
    const names = await (await this.lakehouse()).tableNames();
    if (namespace === undefined || names.length === 0) return ' "keystone consume run" makes the first ones.';
    const namespaces = [...new Set(names.map((name) => name.replace(/\..*$/, '')))];
    return ` Nothing of the namespace "${namespace}" is in the lake; it has ${namespaces.join(', ')}.`;
  }
}
