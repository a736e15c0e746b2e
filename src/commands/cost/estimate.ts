import { Args } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { StatementEstimate } from '../../core/cost/estimate-statement.js';

export default class CostEstimate extends KeystoneCommand {
  static override summary = 'Tell what a statement would read and cost, without running it';
  static override description =
    'Counts the files that the statement’s conditions keep, small ones whole and of larger ones the columns that it names, as Athena and Trino read them; from the tables’ manifests, no data is read. ' +
    'The price is that of Athena (cost.scanPerTb, cost.scanMinimum).';
  static override examples = [
    '<%= config.bin %> cost estimate "SELECT order_status, count(*) FROM silver.orders GROUP BY 1"',
    '<%= config.bin %> cost estimate "SELECT * FROM silver.orders WHERE year = 2018" --json',
  ];
  static override args = { sql: Args.string({ required: true, description: 'The statement' }) };
  static override flags = { ...listFlags };

  async run(): Promise<StatementEstimate> {
    const { args } = await this.parse(CostEstimate);
    const { estimateStatement } = await import('../../core/cost/estimate-statement.js');
    const estimate = await estimateStatement(await this.lakehouse(), args.sql);
    this.printRows(estimate.tables, [
      'table',
      'bytes',
      'files',
      'columns',
      'tableBytes',
      'tableFiles',
      'tableColumns',
      'isPruned',
    ]);
    for (const warning of estimate.warnings) this.addWarning(warning);
    this.done(
      `Done. ${(estimate.bytes / 1e6).toFixed(3)} MB of ${counted(estimate.tables.length, 'table')}; Athena would bill ${(estimate.billedBytes / 1e6).toFixed(1)} MB: $${estimate.dollars.toFixed(6)}`,
    );
    return estimate;
  }
}
