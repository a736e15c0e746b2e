import { Flags } from '@oclif/core';
import { counted } from '../../../cli/counted.js';
import { KeystoneCommand } from '../../../cli/keystone-command.js';
import type { DrainResult } from '../../../core/ingest/spool/drain-spool.js';

export default class IngestSpoolDrain extends KeystoneCommand {
  static override summary = 'Send the events into the log that a server left in its spool';
  static override description = `Takes every slot of the spool that no process holds, and sends what waits there, in order, each batch under the name by which the log knows it again:
what was in the log already is not there twice. Stopped, or while the brokers are away, it leaves the rest where it is.
Events in the slot of a server that is at work are sent by that server. Exit code 3: events are left that nobody sends, because their slot is damaged.`;
  static override examples = ['<%= config.bin %> ingest spool drain', '<%= config.bin %> ingest spool drain --dry-run'];
  static override flags = {
    'dry-run': Flags.boolean({ default: false, description: 'tell what would be sent, and send nothing' }),
  };

  async run(): Promise<DrainResult> {
    const { flags } = await this.parse(IngestSpoolDrain);
    const lakehouse = await this.lakehouse();
    const { drainSpool } = await import('../../../core/ingest/spool/drain-spool.js');
    const result = await drainSpool(lakehouse, {
      dryRun: flags['dry-run'],
      progress: this.progress,
      signal: this.signal,
      onNotice: (text) => this.addWarning(text),
    });
    for (const warning of result.warnings) this.addWarning(warning);
    // The result is told all the same: part of it may have gone.
    if (result.stuck.length > 0) this.failChecks();
    this.done(
      `Done. ${counted(result.drained, 'event')} ${result.dryRun ? 'would go' : 'went'} into topic ${result.topic}${leftText(result)}.`,
    );
    return result;
  }
}

/** Who sends what is left. */
function leftText({ left, leftToServers, stuck }: DrainResult): string {
  const parts = [
    ...(left > 0 ? [`, ${left} left`] : []),
    ...(leftToServers > 0
      ? [`; ${leftToServers} of them are in slots of servers at work, which send them themselves as soon as the log takes them`]
      : []),
    ...(stuck.length > 0 ? [`; nobody sends what is left in ${stuck.join(', ')}`] : []),
  ];
  return parts.join('');
}
