import { Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, longListFlags } from '../../cli/keystone-command.js';
import { statsCells } from '../../cli/quarantine-text.js';
import { rejectedFilter, rejectedFlags, timeFlag } from '../../cli/rejected-flags.js';
import type { QuarantineStats as Stats } from '../../core/quarantine/quarantine-stats.js';

export default class QuarantineStats extends KeystoneCommand {
  static override summary =
    'Count rejected events by dataset, reason, contract version, source, day: how many, what share, since when';
  static override description =
    'Share is the part of all events of the same dataset, source and day (those of them that are counted by) that arrived in the time asked for. ' +
    'Trend shows the twelve parts of that time, oldest first. An event with several reasons counts for each of them; the total line counts events once. firstSeen and lastSeen are in the time that --time names (by default when the log took the event).';
  static override examples = [
    '<%= config.bin %> quarantine stats --since 7d',
    '<%= config.bin %> quarantine stats --by source,reason --dataset orders',
    '<%= config.bin %> quarantine stats --by day,source --reason rule:* --json',
  ];
  static override flags = {
    ...longListFlags(50),
    ...rejectedFlags,
    by: Flags.string({
      default: 'dataset,reason',
      description: 'What to count by, separated by commas: zone, dataset, reason, contract, source, day, topic',
    }),
    time: timeFlag('logged'),
  };

  async run(): Promise<Stats> {
    const { flags } = await this.parse(QuarantineStats);
    const lakehouse = await this.lakehouse();
    const { parseDimensions, quarantineStats } = await import('../../core/quarantine/quarantine-stats.js');
    const picks = flags.filter !== undefined || flags.sort !== undefined;
    const stats = await quarantineStats(lakehouse, {
      ...rejectedFilter(flags),
      by: parseDimensions(flags.by),
      // --filter and --sort work on what was counted.
      limit: picks ? 10_000 : (flags.limit ?? 50),
      signal: this.signal,
    });
    const columns = [...stats.by, 'events', 'share', 'firstSeen', 'lastSeen', 'trend'];
    const rows = this.isForProgram() ? this.printRows(stats.rows, columns) : stats.rows;
    const shown = this.isForProgram() ? rows : this.printRows(stats.rows.map(statsCells), columns);
    const span = stats.from === null ? '' : ` between ${stats.from} and ${stats.to}`;
    const next = stats.rows.length > 0 ? '; what they look like: keystone quarantine samples' : '';
    if (stats.total === 0) {
      const { unknownDataset } = await import('../../core/contract/find-contract.js');
      const unknown = unknownDataset(await lakehouse.contracts(), flags.dataset);
      if (unknown !== null) this.addWarning(unknown);
    }
    this.done(
      `Done. ${counted(stats.total, 'rejected event')}${span}, ${shown.length} of ${counted(stats.groups, 'group')}${next}`,
    );
    return { ...stats, rows };
  }
}
