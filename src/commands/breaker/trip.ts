import { Args, Flags } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { whoAmI } from '../../cli/who.js';
import type { SwitchedBreaker } from '../../core/resilience/switch-breaker.js';

export default class BreakerTrip extends KeystoneCommand {
  static override summary = 'Open a circuit breaker by hand: calls of the service are refused until it is reset';
  static override description =
    'For a service that is known to be ill, or about to be stopped. Every process of the project refuses its calls within a second; nothing is lost, what waits goes on after the reset. The level of degradation follows.';
  static override examples = [
    '<%= config.bin %> breaker trip store',
    "<%= config.bin %> breaker trip catalog --reason 'Glue is being moved' --json",
    '<%= config.bin %> breaker trip store --dry-run',
  ];
  static override args = {
    name: Args.string({ description: 'log, store, catalog or engine', required: true, ignoreStdin: true }),
  };
  static override flags = {
    reason: Flags.string({ description: 'why, for whoever looks at its history' }),
    'dry-run': Flags.boolean({ default: false, description: 'say what would change and change nothing' }),
  };

  async run(): Promise<SwitchedBreaker> {
    const { args, flags } = await this.parse(BreakerTrip);
    const { switchBreaker } = await import('../../core/resilience/switch-breaker.js');
    const result = await switchBreaker(await this.lakehouse(), {
      name: args.name,
      to: 'tripped',
      by: whoAmI(),
      reason: flags.reason ?? null,
      dryRun: flags['dry-run'],
    });
    const { name, from, to, level } = result;
    if (result.dryRun) this.done(`Dry run. ${name} is ${from} and would be ${to}; nothing was changed.`);
    else if (!result.changed) this.done(`Done. ${name} was open by hand already; nothing was changed.`);
    else this.done(`Done. ${name} was ${from} and is ${to}; the level of degradation is ${level}.`);
    return result;
  }
}
