import { Args, Flags } from '@oclif/core';
import { durationFlagMs } from '../../cli/duration-flag.js';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { whoAmI } from '../../cli/who.js';
import type { Degradation, SignalName } from '../../core/resilience/degradation.js';

export default class DegradeSignal extends KeystoneCommand {
  static override summary = 'Report what no breaker can know: high latency, or exhausted compute';
  static override description =
    'For monitors and schedulers. latency makes the level reduced, compute makes it minimal, until the time is over or --clear.';
  static override examples = [
    "<%= config.bin %> degrade signal compute --for 15m --reason 'the pool has no slot left'",
    '<%= config.bin %> degrade signal compute --clear',
    '<%= config.bin %> degrade signal latency --dry-run --json',
  ];
  static override args = {
    name: Args.string({ description: 'what is wrong', options: ['latency', 'compute'], required: true, ignoreStdin: true }),
  };
  static override flags = {
    for: Flags.string({ default: '10m', description: 'how long it holds unless it is reported again' }),
    clear: Flags.boolean({ default: false, description: 'it is over' }),
    reason: Flags.string({ description: 'what was seen' }),
    'dry-run': Flags.boolean({ default: false, description: 'say what holds now and change nothing' }),
  };

  async run(): Promise<Degradation> {
    const { args, flags } = await this.parse(DegradeSignal);
    const lakehouse = await this.lakehouse();
    const forMs = flags.clear ? null : durationFlagMs('for', flags.for, 1000);
    const { degradationStatus, signalDegradation } = await import('../../core/resilience/run-degrade.js');
    if (flags['dry-run']) {
      const { activities: _, history: __, ...now } = await degradationStatus(lakehouse, 0);
      this.done(`Dry run. The level is ${now.level}; nothing was changed.`);
      return now;
    }
    const now = await signalDegradation(lakehouse, args.name as SignalName, {
      forMs,
      by: whoAmI(),
      reason: flags.reason ?? null,
    });
    this.done(`Done. The level of degradation is ${now.level}.`);
    return now;
  }
}
