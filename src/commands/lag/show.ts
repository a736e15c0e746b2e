import { Flags } from '@oclif/core';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { Lag } from '../../core/lag/measure-lag.js';

export default class LagShow extends KeystoneCommand {
  static override summary = 'Show how far the lake is behind the log, per partition, in events and in seconds';
  static override description = `The lake's own offsets are the truth; the committed offset is what other lag tools see.
Seconds are the age of the oldest event that is not in bronze yet.`;
  static override examples = [
    '<%= config.bin %> lag show',
    '<%= config.bin %> lag show --json',
    '<%= config.bin %> lag show --output csv --columns partition,lagEvents,lagSeconds',
  ];
  static override flags = {
    ...listFlags,
    topic: Flags.string({ description: 'topic of the log (default: the profile’s)' }),
    group: Flags.string({ description: 'consumer group whose committed offsets are shown (default: consume.group)' }),
  };

  async run(): Promise<Lag> {
    const { flags } = await this.parse(LagShow);
    const lakehouse = await this.lakehouse();
    const [{ measureLag }, { conditionOf }] = await Promise.all([
      import('../../core/lag/measure-lag.js'),
      import('../../core/lag/lag-incidents.js'),
    ]);
    const lag = await measureLag(lakehouse, { topic: flags.topic, group: flags.group });
    this.printRows(
      lag.partitions.map((partition) => ({ ...partition, lagSeconds: Math.round(partition.lagSeconds * 1000) / 1000 })),
      ['partition', 'startOffset', 'endOffset', 'committedOffset', 'lakeOffset', 'lagEvents', 'lagSeconds'],
    );
    for (const partition of lag.partitions) {
      const incident = conditionOf(partition);
      if (incident) this.addWarning(incident.message);
    }
    const { lagEvents, lagSeconds } = lag.total;
    const isRecreated = lag.partitions.some(({ condition }) => condition === 'recreated');
    this.done(
      isRecreated
        ? `Done. ${lag.topic} was recreated: keystone ledger verify.`
        : lagEvents === 0
          ? `Done. ${lag.topic} is caught up.`
          : `Done. ${lag.topic} is ${lagEvents} events, ${lagSeconds.toFixed(1)} s behind.`,
    );
    return lag;
  }
}
