import { Args, Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import { rowDifferenceCells } from '../../cli/row-difference-text.js';
import type { TableDiff as Diff } from '../../core/care/table-diff.js';

export default class TableDiff extends KeystoneCommand {
  static override summary =
    'What differs between two snapshots of a table: rows and files by partition, definition, and with --rows the rows';
  static override description =
    'A snapshot is named by its id, by a UTC time (the last snapshot at or before it), or as previous or current. ' +
    'Rows that compaction only moved to other files count as no change. A file that an update rewrote counts with all of its rows as removed and added: --rows tells which rows differ, by key.';
  static override examples = [
    '<%= config.bin %> table diff silver.orders --from previous',
    '<%= config.bin %> table diff gold.daily_regional_sales --from previous --rows --limit 10',
    '<%= config.bin %> table diff silver.orders --from previous --to current --rows --output ndjson',
  ];
  static override args = { table: Args.string({ description: 'the table, <namespace>.<name>', required: true }) };
  static override flags = {
    ...listFlags,
    limit: Flags.integer({
      min: 0,
      description: 'Most rows to show; with --rows most to look for, 50 unless given (--json too)',
      helpGroup: 'LIST',
    }),
    from: Flags.string({ required: true, description: 'the snapshot to begin with: id, time, previous or current' }),
    to: Flags.string({ default: 'current', description: 'the snapshot to compare it with: id, time, previous or current' }),
    rows: Flags.boolean({ description: 'print the rows that differ instead of the partitions (at most --limit, default 50)' }),
    key: Flags.string({
      dependsOn: ['rows'],
      description:
        "columns that name a row, separated by commas (default: the contract's key, the model's grain, or the event's origin)",
    }),
  };

  async run(): Promise<Diff> {
    const { args, flags } = await this.parse(TableDiff);
    const lakehouse = await this.lakehouse();
    const key = flags.key === undefined ? await grainOf(args.table, lakehouse.config.models, flags.rows) : flags.key.split(',');
    const { tableDiff } = await import('../../core/care/table-diff.js');
    const diff = await tableDiff(lakehouse, args.table, {
      from: flags.from,
      to: flags.to,
      ...(flags.rows ? { rows: { limit: flags.limit ?? 50, ...(key === undefined ? {} : { key }) } } : {}),
      signal: this.signal,
    });
    this.say(`${diff.table} from ${diff.from.id} (${diff.from.committed}) to ${diff.to.id} (${diff.to.committed})`);
    for (const { kind, name, from, to } of diff.definition.changes) {
      this.say(`  ${kind} ${name}: ${from ?? 'not there'} → ${to ?? 'not there'}`);
    }
    if (!diff.definition.complete)
      this.addWarning('properties and partitioning were not compared: the metadata file of one snapshot is gone');
    if (diff.commits === null)
      this.addWarning('commits between the snapshots have expired: rows that were only rewritten count as removed and added');
    if (diff.rows === null) this.printRows(diff.partitions);
    else if (this.isForProgram()) this.printRows(diff.rows.rows, ['change', 'key', 'from', 'to']);
    else this.printRows(diff.rows.rows.map(rowDifferenceCells), ['change', 'key', 'difference']);
    const { total, commits, rows } = diff;
    const differing =
      rows === null ? '' : ` Rows that differ: ${rows.added} added, ${rows.removed} removed, ${rows.changed} changed.`;
    const rewrites = commits && commits.rewrites > 0 ? `, ${commits.rewrites} of them only rewrote files` : '';
    this.done(
      `Done. ${total.rowsBefore} → ${counted(total.rowsAfter, 'row')} (${total.rowsAdded} written, ${total.rowsRemoved} taken), ` +
        `${counted(total.filesAdded, 'file')} added, ${total.filesRemoved} removed, ${counted(diff.partitions.length, 'partition')} touched` +
        `${commits === null ? '' : `, ${counted(commits.done + commits.undone, 'commit')} between${rewrites}`}.${differing}`,
    );
    return diff;
  }
}

/** The grain of a gold table's model; undefined for every other table, and for one whose model is gone. */
async function grainOf(table: string, models: string, wanted: boolean): Promise<readonly string[] | undefined> {
  if (!wanted || !table.startsWith('gold.')) return undefined;
  const { loadModels } = await import('../../core/gold/load-models.js');
  return (await loadModels(models)).find((model) => model.name === table)?.grain;
}
