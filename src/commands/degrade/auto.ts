import { Flags } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { whoAmI } from '../../cli/who.js';
import type { Degradation } from '../../core/resilience/degradation.js';

export default class DegradeAuto extends KeystoneCommand {
  static override summary = 'Let the level of degradation follow from the breakers by itself again';
  static override examples = [
    '<%= config.bin %> degrade auto',
    "<%= config.bin %> degrade auto --reason 'the drill is over' --json",
    '<%= config.bin %> degrade auto --dry-run',
  ];
  static override flags = {
    reason: Flags.string({ description: 'why, for whoever looks at its history' }),
    'dry-run': Flags.boolean({ default: false, description: 'say what would hold and change nothing' }),
  };

  async run(): Promise<Degradation> {
    const { flags } = await this.parse(DegradeAuto);
    const lakehouse = await this.lakehouse();
    const { degradationStatus, degradeTo } = await import('../../core/resilience/run-degrade.js');
    if (flags['dry-run']) {
      const { activities: _, history: __, ...now } = await degradationStatus(lakehouse, 0);
      this.done(`Dry run. The level is ${now.level} and would be ${now.automatic}; nothing was changed.`);
      return now;
    }
    const now = await degradeTo(lakehouse, null, { forMs: null, by: whoAmI(), reason: flags.reason ?? null });
    this.done(`Done. The level of degradation is ${now.level}${now.causes.length === 0 ? '' : `: ${now.causes.join('; ')}`}.`);
    return now;
  }
}
