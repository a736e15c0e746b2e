import { Args, Flags } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import type { RejectedEventDetail } from '../../core/quarantine/show-quarantined.js';

export default class QuarantineShow extends KeystoneCommand {
  static override summary = 'Show one rejected event: payload, reasons, origin, headers';
  static override description =
    'Takes the origin (topic/partition/offset) or the event id that quarantine list prints, and looks in both zones. ' +
    'Bytes that are not UTF-8 are written as \\xHH; the lake keeps them as they came.';
  static override examples = [
    '<%= config.bin %> quarantine show olist-enterprise-events/3/1042',
    '<%= config.bin %> quarantine show olist-enterprise-events/3/1042 --output ndjson',
    '<%= config.bin %> quarantine show 018f3c1e-7b7a-7000-8000-000000000001 --json',
  ];
  static override args = { event: Args.string({ required: true, description: 'topic/partition/offset, or an event id' }) };
  static override flags = { zone: Flags.string({ options: ['quarantine', 'error'], description: 'Look in this zone only' }) };

  async run(): Promise<{ readonly events: readonly RejectedEventDetail[] }> {
    const { args, flags } = await this.parse(QuarantineShow);
    const lakehouse = await this.lakehouse();
    const [{ showQuarantined }, { describeRejected }] = await Promise.all([
      import('../../core/quarantine/show-quarantined.js'),
      import('../../core/quarantine/describe-rejected.js'),
    ]);
    const zone = flags.zone === 'error' || flags.zone === 'quarantine' ? flags.zone : undefined;
    const events = await showQuarantined(lakehouse, args.event, zone);
    if (flags.output === 'table') this.say(events.map(describeRejected).join('\n\n'));
    else if (flags.output !== 'json') this.printRows(events);
    this.done(`Done. ${events.length} ${events.length === 1 ? 'event' : 'events'}`);
    return { events };
  }
}
