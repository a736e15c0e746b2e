import { counted } from '../../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../../cli/keystone-command.js';
import type { SpoolStatus } from '../../../core/ingest/spool/spool-status.js';

export default class IngestSpoolStatus extends KeystoneCommand {
  static override summary = 'Show the events that wait on this machine for the log';
  static override description = `While the brokers are away, ingest serve keeps what it accepts in a spool on the local disk (ingest.spool) and drains it when they are back.
Each server process has a slot of it; a slot that no process holds is taken up by the next keystone ingest serve, or by keystone ingest spool drain. Asks no broker.`;
  static override examples = ['<%= config.bin %> ingest spool status', '<%= config.bin %> ingest spool status --json'];
  static override flags = { ...listFlags };

  async run(): Promise<SpoolStatus> {
    await this.parse(IngestSpoolStatus);
    const lakehouse = await this.lakehouse();
    const { spoolStatus } = await import('../../../core/ingest/spool/spool-status.js');
    const status = await spoolStatus(lakehouse);
    this.printRows(status.slots, ['slot', 'held', 'events', 'bytes', 'oldest']);
    for (const { slot, problem, mend, notes } of status.slots)
      for (const text of [problem, mend, ...notes]) if (text !== null) this.addWarning(`${slot}: ${text}`);
    if (status.folder === null) this.say('The log of this profile has no spool.');
    const isWaiting = status.slots.some(({ held, blocked, events }) => !held && !blocked && events > 0);
    const stuck = status.slots.filter(({ blocked }) => blocked).map(({ slot }) => slot);
    const next =
      (isWaiting ? '; send them: keystone ingest spool drain' : '') +
      (stuck.length > 0 ? `; nobody sends what is in ${stuck.join(', ')} before the damage is mended, as the warning says` : '');
    this.done(
      `Done. ${counted(status.events, 'event')} of topic ${status.topic} in the spool (${status.bytes} of ${status.maxBytes} bytes)${next}`,
    );
    return status;
  }
}
