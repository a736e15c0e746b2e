import { Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import { whoAmI } from '../../cli/who.js';
import type { LossAcceptance } from '../../core/consume/accept-loss.js';

export default class ConsumeAcceptLoss extends KeystoneCommand {
  static override summary =
    'Give up events that expired in the log before they were landed, so that consuming goes on behind them';
  static override description = `The way out of KS_LOG_TRUNCATED. Before: raise the topic's retention, so that no more expires, and look whether the
events exist elsewhere; keystone ingest replay of a recorded trace brings them in again, as new events. The lost offsets
become a hole of bronze.events in one commit, with who gave them up, when and why: keystone ledger verify tells it from
then on, keystone trace says it of each lost offset. It is taken back by a rollback of bronze.events alone, and only when
the log holds the events again. Counts are upper bounds: offsets that never were an event
(compacted away, markers of transactions) look the same. Consumers of the partitions have to be stopped.`;
  static override examples = [
    '<%= config.bin %> consume accept-loss --dry-run',
    "<%= config.bin %> consume accept-loss --reason 'INC-4711: retention was 1 h' --yes",
    "<%= config.bin %> consume accept-loss --partition 3 --reason 'INC-4711' --yes --json",
  ];
  static override flags = {
    ...listFlags,
    partition: Flags.integer({
      description: 'only this partition (repeatable); without it all that lost events',
      multiple: true,
      min: 0,
    }),
    reason: Flags.string({ description: 'why they are given up, for whoever reads the account later' }),
    'dry-run': Flags.boolean({ default: false, description: 'say what is lost, by partition, and change nothing' }),
    yes: Flags.boolean({ char: 'y', default: false, description: 'agree that these events are missing from the lake for good' }),
  };

  async run(): Promise<LossAcceptance> {
    const { flags } = await this.parse(ConsumeAcceptLoss);
    const lakehouse = await this.lakehouse();
    const { acceptLoss } = await import('../../core/consume/accept-loss.js');
    const result = await acceptLoss(lakehouse, {
      partitions: flags.partition ?? [],
      reason: flags.reason ?? null,
      by: whoAmI(),
      dryRun: flags['dry-run'],
      confirmed: flags.yes,
      signal: this.signal,
      onNotice: (text) => this.addWarning(text),
    });
    const { topic, lost, eventsAtMost, accepted } = result;
    this.printRows(lost, ['partition', 'lakeOffset', 'logStart', 'eventsAtMost', 'lastLandedAt', 'firstHeldAt']);
    const what = `At most ${counted(eventsAtMost, 'event')} of ${counted(lost.length, 'partition')}`;
    if (lost.length === 0) this.done(`Done. The log holds all that the lake needs next of ${topic}; nothing was changed.`);
    else if (accepted === null)
      this.done(
        `Dry run. ${what} of ${topic} would be given up as lost; nothing was changed. Look for another copy of them first.`,
      );
    else this.done(`Done. ${what} of ${topic} are given up as lost; keystone ledger verify tells it. Next: keystone consume run`);
    return result;
  }
}
