import { Args, Flags } from '@oclif/core';
import { durationFlagMs } from '../../cli/duration-flag.js';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { whoAmI } from '../../cli/who.js';
import type { Degradation, Level } from '../../core/resilience/degradation.js';

export default class DegradeSet extends KeystoneCommand {
  static override summary = 'Set the level of degradation for all processes, for some time or until degrade auto';
  static override description =
    'Holds over what follows from the breakers by itself, in either direction. Nothing is lost at any level: what is put off is done later, from the log and from bronze.';
  static override examples = [
    "<%= config.bin %> degrade set minimal --for 30m --reason 'the catalog is being moved'",
    '<%= config.bin %> degrade set buffer-only --dry-run',
    '<%= config.bin %> degrade set full --for 10m --json',
  ];
  static override args = {
    level: Args.string({
      description: 'what is left of the work',
      options: ['full', 'reduced', 'minimal', 'buffer-only'],
      required: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    for: Flags.string({ description: 'how long, e.g. 30m; without it until degrade auto' }),
    reason: Flags.string({ description: 'why, for whoever looks at its history' }),
    'dry-run': Flags.boolean({ default: false, description: 'say what holds now and change nothing' }),
  };

  async run(): Promise<Degradation> {
    const { args, flags } = await this.parse(DegradeSet);
    const lakehouse = await this.lakehouse();
    const forMs = flags.for === undefined ? null : durationFlagMs('for', flags.for, 1000);
    const { degradationStatus, degradeTo } = await import('../../core/resilience/run-degrade.js');
    if (flags['dry-run']) {
      const { activities: _, history: __, ...now } = await degradationStatus(lakehouse, 0);
      this.done(`Dry run. The level is ${now.level} and would be ${args.level}; nothing was changed.`);
      return now;
    }
    const now = await degradeTo(lakehouse, args.level as Level, { forMs, by: whoAmI(), reason: flags.reason ?? null });
    const until = now.untilMs === null ? 'until keystone degrade auto' : `until ${new Date(now.untilMs).toISOString()}`;
    this.done(`Done. The level of degradation is ${now.level} ${until}; by itself it would be ${now.automatic}.`);
    return now;
  }
}
