import { Args } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, longListFlags } from '../../cli/keystone-command.js';
import type { TableHistory as History } from '../../core/care/table-history.js';

export default class TableHistory extends KeystoneCommand {
  static override summary = 'What every kept snapshot of a table did: rows, files, offsets, and what brought it; newest first';
  static override description =
    'Operation replace is compaction: files were rewritten and rows did not change. Standing tells the current line from what a rollback left behind. ' +
    'Ids and times are what table diff, table rollback and a query of the past take.';
  static override examples = [
    '<%= config.bin %> table history silver.orders',
    '<%= config.bin %> table history bronze.events --limit 5 --columns id,committed,addedRows,offsets',
    '<%= config.bin %> table history gold.fact_sales --filter operation!=replace --json',
  ];
  static override args = { table: Args.string({ description: 'the table, <namespace>.<name>', required: true }) };
  static override flags = { ...longListFlags(50) };

  async run(): Promise<History> {
    const { args, flags } = await this.parse(TableHistory);
    const lakehouse = await this.lakehouse();
    const { tableHistory } = await import('../../core/care/table-history.js');
    // --filter and --sort work on all of it.
    const picks = flags.filter !== undefined || flags.sort !== undefined;
    const history = await tableHistory(lakehouse, args.table, picks ? Number.POSITIVE_INFINITY : (flags.limit ?? 50));
    const { movedLake } = await import('../../core/table/moved-lake.js');
    const moved = await movedLake(lakehouse);
    if (moved) this.addWarning(`${moved.found}; ${moved.hint}`);
    const shown = this.printRows(history.snapshots, [
      'id',
      'committed',
      'operation',
      'standing',
      'addedRows',
      'deletedRows',
      'totalRows',
      'addedFiles',
      'deletedFiles',
      'totalFiles',
      'events',
      'broughtBy',
    ]);
    for (const { id, restored } of history.snapshots) {
      if (restored.length > 0) this.say(`${id} was made current again at ${restored.join(', ')}`);
    }
    const pair = history.snapshots.length > 1 ? `; what changed last: keystone table diff ${args.table} --from previous` : '';
    this.done(`Done. ${shown.length} of ${counted(history.kept, 'snapshot')} of ${args.table}${pair}`);
    return { ...history, snapshots: shown };
  }
}
