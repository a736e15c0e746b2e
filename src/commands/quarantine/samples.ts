import { Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand, longListFlags } from '../../cli/keystone-command.js';
import { sampleText, shapeCells } from '../../cli/quarantine-text.js';
import { rejectedFilter, rejectedFlags, timeFlag } from '../../cli/rejected-flags.js';
import type { QuarantineSamples as Samples } from '../../core/quarantine/sample-quarantine.js';

export default class QuarantineSamples extends KeystoneCommand {
  static override summary = 'Group rejected events by what they look like, and show one of each: 100,000 rejects in a few lines';
  static override description =
    'Events of one dataset with the same reasons and the same fields of the same types are one group. Bytes that are no JSON are grouped by what the parser said of them, numbers left out. lastSeen is in the time that --time names (by default when the event was rejected).';
  static override examples = [
    '<%= config.bin %> quarantine samples',
    '<%= config.bin %> quarantine samples --dataset orders --reason bad_type:* --each 3',
    '<%= config.bin %> quarantine samples --zone error --since 24h --json',
  ];
  static override flags = {
    ...longListFlags(20),
    ...rejectedFlags,
    each: Flags.integer({ min: 1, max: 100, default: 1, description: 'Events to show of each group' }),
    time: timeFlag('processed'),
  };

  async run(): Promise<Samples> {
    const { flags } = await this.parse(QuarantineSamples);
    const lakehouse = await this.lakehouse();
    const { sampleQuarantine } = await import('../../core/quarantine/sample-quarantine.js');
    const picks = flags.filter !== undefined || flags.sort !== undefined;
    const found = await sampleQuarantine(lakehouse, {
      ...rejectedFilter(flags),
      // --filter and --sort work on what was grouped.
      limit: picks ? 1_000 : (flags.limit ?? 20),
      each: flags.each,
      signal: this.signal,
    });
    const shapes = this.isForProgram() ? this.printRows(found.shapes) : found.shapes;
    if (!this.isForProgram())
      this.printRows(found.shapes.map(shapeCells), ['events', 'dataset', 'reasons', 'shape', 'sources', 'lastSeen']);
    for (const shape of found.shapes) for (const sample of shape.samples) this.say(sampleText(sample));
    const first = found.shapes[0]?.samples[0];
    const next = first ? `; look at one whole: keystone quarantine show ${first.origin}` : '';
    if (found.total === 0) {
      const { unknownDataset } = await import('../../core/contract/find-contract.js');
      const unknown = unknownDataset(await lakehouse.contracts(), flags.dataset);
      if (unknown !== null) this.addWarning(unknown);
    }
    this.done(`Done. ${counted(found.total, 'event')} in ${counted(found.groups, 'group')}, ${found.shapes.length} shown${next}`);
    return { ...found, shapes };
  }
}
