import { Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, longListFlags } from '../../cli/keystone-command.js';
import type { QuarantineList as List } from '../../core/quarantine/list-quarantine.js';

export default class QuarantineList extends KeystoneCommand {
  static override summary = 'List rejected events with their reasons and origins, newest first';
  static override description =
    'Quarantine holds events that can be read and break their contract; the error zone (--zone error) holds bytes that are no JSON or CSV. Both keep every event as it came.';
  static override examples = [
    '<%= config.bin %> quarantine list --dataset orders',
    '<%= config.bin %> quarantine list --reason rule: --since 2018-08-01',
    '<%= config.bin %> quarantine list --zone error --json',
  ];
  static override flags = {
    ...longListFlags(50),
    zone: Flags.string({ options: ['quarantine', 'error'], default: 'quarantine', description: 'Which zone to look in' }),
    dataset: Flags.string({ description: 'Only events of this dataset' }),
    reason: Flags.string({
      description: 'Only reasons that begin so (rule:, missing:customer_id, invalid_json), or with * for any text (rule:*_date)',
    }),
    since: Flags.string({ description: 'From this day or UTC moment on, or since so long ago: 90m, 24h, 7d, 2w' }),
    until: Flags.string({ description: 'Up to this day (included) or before this UTC moment' }),
    time: Flags.string({
      options: ['processed', 'logged'],
      default: 'processed',
      description: 'What --since and --until mean: when the event was rejected, or when the log took it',
    }),
  };

  async run(): Promise<List> {
    const { flags } = await this.parse(QuarantineList);
    const lakehouse = await this.lakehouse();
    const { listQuarantine } = await import('../../core/quarantine/list-quarantine.js');
    const found = await listQuarantine(lakehouse, {
      zone: flags.zone === 'error' ? 'error' : 'quarantine',
      time: flags.time === 'logged' ? 'logged' : 'processed',
      // --filter and --sort work on what was fetched.
      limit: flags.filter === undefined && flags.sort === undefined ? (flags.limit ?? 50) : 100_000,
      ...(flags.dataset === undefined ? {} : { dataset: flags.dataset }),
      ...(flags.reason === undefined ? {} : { reason: flags.reason }),
      ...(flags.since === undefined ? {} : { since: flags.since }),
      ...(flags.until === undefined ? {} : { until: flags.until }),
    });
    const rows = this.printRows(found.rows, [
      'origin',
      'dataset',
      'reasons',
      ...(found.zone === 'error' ? ['detail'] : ['partition']),
      'eventId',
      'processedAt',
    ]);
    for (const { dataset, reason, events } of found.byReason) this.say(`${String(events).padStart(8)}  ${dataset}  ${reason}`);
    const first = rows[0];
    if (found.total === 0) {
      const { unknownDataset } = await import('../../core/contract/find-contract.js');
      const unknown = unknownDataset(await lakehouse.contracts(), flags.dataset);
      if (unknown !== null) this.addWarning(unknown);
    }
    this.done(
      `Done. ${rows.length} of ${counted(found.total, 'event')} in the ${found.zone} zone${first ? `; look at one: keystone quarantine show ${first.origin}` : ''}`,
    );
    return { ...found, rows };
  }
}
