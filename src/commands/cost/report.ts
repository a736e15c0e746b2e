import { Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import { renderRows } from '../../cli/render-rows.js';
import { shapeRows } from '../../cli/shape-rows.js';
import { coloured } from '../../cli/terminal.js';
import type { CostReport as Report } from '../../core/cost/cost-report.js';

const GROUPS = ['run', 'command', 'table', 'day'] as const;

export default class CostReport extends KeystoneCommand {
  static override summary = 'Show what statements on Athena and Trino read and cost, and what storage costs a month';
  static override description =
    'Every statement that a service ran is recorded with its estimate, the bytes it read and the bytes billed. Prices are those of cost.* in keystone.yaml; ' +
    'storage counts the files of each table’s current snapshot; --json has both, csv and ndjson the statements. A statement over several tables is shared among them by its estimate.';
  static override examples = [
    '<%= config.bin %> cost report',
    '<%= config.bin %> cost report --since 7d --by table',
    '<%= config.bin %> cost report --by day --json',
  ];
  static override flags = {
    ...listFlags,
    by: Flags.option({ options: GROUPS, default: 'command' as const })({ description: 'What the statements are added up by' }),
    since: Flags.string({ description: 'Only statements since this day or UTC moment, or since so long ago: 90m, 24h, 7d, 2w' }),
  };

  async run(): Promise<Report> {
    const { flags } = await this.parse(CostReport);
    const lakehouse = await this.lakehouse();
    const [{ costReport }, { timeBound }] = await Promise.all([
      import('../../core/cost/cost-report.js'),
      import('../../core/quarantine/time-bound.js'),
    ]);
    const sinceMs =
      flags.since === undefined ? null : Date.parse(`${timeBound(flags.since, lakehouse.effects.clock.nowMs()).start}Z`);
    const report = await costReport(lakehouse, { by: flags.by, sinceMs });
    const columns = ['group', 'statements', 'estimatedBytes', 'actualBytes', 'billedBytes', 'dollars'];
    const scans = this.printRows(report.scans, columns);
    if (!this.isForProgram()) {
      if (scans.length === 0) this.say('No statement ran on Athena or Trino; those of DuckDB cost nothing and are not recorded.');
      const storage = shapeRows(report.storage, ['table', 'bytes', 'dollarsPerMonth'], {});
      this.say(
        `\nStorage\n${renderRows(storage, 'table', { colour: coloured(process.stdout), widthColumns: undefined }).trimEnd()}`,
      );
    }
    const bytes = report.storage.reduce((sum, row) => sum + row.bytes, 0);
    this.done(
      `Done. ${counted(scans.length, 'group')} of statements: $${report.scanDollars.toFixed(4)}; ` +
        `storage of ${counted(report.storage.length, 'table')}, ${(bytes / 1e9).toFixed(3)} GB: $${report.storageDollarsPerMonth.toFixed(4)} a month`,
    );
    return { ...report, scans };
  }
}
