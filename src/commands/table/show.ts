import { Args, Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { TableDescription } from '../../core/table/describe-table.js';

export default class TableShow extends KeystoneCommand {
  static override summary = 'Show one table: columns, partitioning, snapshots, and how far it has consumed the log';
  static override description = `Prints the table's facts and its columns, or with --snapshots its history (newest first). With --json the result holds
all of it.`;
  static override examples = [
    '<%= config.bin %> table show silver.orders',
    '<%= config.bin %> table show bronze.events --snapshots --limit 5',
    '<%= config.bin %> table show bronze.events --json',
  ];
  static override args = { table: Args.string({ description: 'the table, <namespace>.<name>', required: true }) };
  static override flags = {
    ...listFlags,
    snapshots: Flags.boolean({ description: 'print the snapshots instead of the columns' }),
  };

  async run(): Promise<TableDescription> {
    const { args, flags } = await this.parse(TableShow);
    const lakehouse = await this.lakehouse();
    const { describeTable } = await import('../../core/table/describe-table.js');
    const table = await describeTable(lakehouse, args.table);
    this.say(`${table.name} (${table.format})`);
    this.say(`  location          ${table.location}`);
    this.say(`  metadata          ${table.metadataLocation}`);
    this.say(`  partitioned by    ${table.partition || 'nothing'}`);
    this.say(`  contents          ${table.rows} rows in ${table.dataFiles} files, ${table.bytes} bytes`);
    this.say(`  current snapshot  ${table.currentSnapshotId ?? 'none'} (${table.snapshots} kept)`);
    this.say(`  last updated      ${table.lastUpdated}`);
    for (const [topic, partitions] of Object.entries(table.nextOffsets)) {
      const next = Object.entries(partitions).map(([partition, offset]) => `${partition}:${offset}`);
      this.say(`  next offsets      ${topic} ${next.join(' ')}`);
    }
    if (table.rolledBackFrom !== null) {
      this.addWarning(`${table.name} is rolled back: what snapshot ${table.rolledBackFrom} held is not all in it again.`);
    }
    if (flags.snapshots) {
      this.printRows(table.snapshotList, ['id', 'committed', 'operation', 'addedRows', 'deletedRows', 'totalRows', 'current']);
    } else this.printRows(table.columns, ['id', 'name', 'type', 'required', 'doc']);
    this.done(`Done. ${counted(table.columns.length, 'column')}, ${counted(table.snapshots, 'snapshot')}.`);
    return table;
  }
}
