import { Args, Flags } from '@oclif/core';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { RollbackResult } from '../../core/rollback/rollback-tables.js';

export default class TableRollback extends KeystoneCommand {
  static override summary = 'Make an older snapshot of a table current, together with the tables that stand and fall with it';
  static override description = `A gold table goes back alone and is built again by the next pipeline run. bronze.events goes back alone when the log
still holds what it gives up, and the consumer lands that again. Silver, quarantine, error zone and dispositions go
back together, to the newest moment at or before the snapshot at which they account for every event; the consumer then
derives the rest again from bronze. No event is lost. It waits for no consumer: stop it first, start it again afterwards.
When it was stopped half-way, no consumer builds on the tables until the same command has finished it.`;
  static override examples = [
    '<%= config.bin %> table rollback silver.orders --to previous --dry-run',
    '<%= config.bin %> table rollback silver.orders --to 2018-08-31T12:00:00 --yes',
    '<%= config.bin %> table rollback gold.fact_sales --to previous --yes --json',
  ];
  static override args = { table: Args.string({ description: 'the table, <namespace>.<name>', required: true }) };
  static override flags = {
    ...listFlags,
    to: Flags.string({
      description: 'a snapshot id, a UTC time for the last snapshot at or before it, previous, or current',
      required: true,
    }),
    'dry-run': Flags.boolean({
      default: false,
      description: 'say which tables would go back and what comes again; change nothing',
    }),
    yes: Flags.boolean({ char: 'y', default: false, description: 'agree that readers see the older rows at once' }),
  };

  async run(): Promise<RollbackResult> {
    const { args, flags } = await this.parse(TableRollback);
    const lakehouse = await this.lakehouse();
    const { directionOf, eventsText, rollbackTables } = await import('../../core/rollback/rollback-tables.js');
    const result = await rollbackTables(lakehouse, {
      table: args.table,
      to: flags.to,
      dryRun: flags['dry-run'],
      confirmed: flags.yes,
      signal: this.signal,
      onNotice: (text) => this.addWarning(text),
    });
    const moved = result.tables.filter(({ from, to }) => from !== to);
    this.printRows(moved, ['table', 'from', 'to', 'committed', 'rowsBefore', 'rowsAfter']);
    for (const { topic, partition, from, to } of result.offsets)
      this.say(`  ${topic}/${partition}  ${to < from ? `${to} to ${from - 1} come` : `${from} to ${to - 1} are there`} again`);
    const tables = `${moved.length} table${moved.length === 1 ? '' : 's'}`;
    const again = result.kind === 'gold' ? 'what differs is built again' : `${eventsText(result)}, none is lost`;
    if (!result.changed) this.done(`Done. ${result.table} is at snapshot ${result.snapshot} already; nothing changed.`);
    else if (result.dryRun) this.done(`Dry run. ${tables} would go ${directionOf(result)}, ${again}; nothing was changed.`);
    else this.done(`Done. ${tables} ${directionOf(result)} in ${result.seconds.toFixed(1)} s; ${again}. Next: ${result.next}`);
    return result;
  }
}
