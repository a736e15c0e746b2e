/** What `breaker trip` and `breaker reset` have in common: one breaker, who and why, and what came of it. */
import { Args, Flags } from '@oclif/core';
import type { SwitchedBreaker } from '../core/resilience/switch-breaker.js';
import { KeystoneCommand } from './keystone-command.js';
import { whoAmI } from './who.js';

export abstract class BreakerSwitch extends KeystoneCommand {
  static override args = {
    name: Args.string({ description: 'log, store, catalog or engine', required: true, ignoreStdin: true }),
  };
  static override flags = {
    reason: Flags.string({ description: 'why, for whoever looks at its history' }),
    'dry-run': Flags.boolean({ default: false, description: 'say what would change and change nothing' }),
  };

  protected abstract readonly to: 'tripped' | 'closed';
  /** The same for people, where it was so before. */
  protected abstract readonly already: string;

  async run(): Promise<SwitchedBreaker> {
    const { args, flags } = await this.parse(BreakerSwitch);
    const { switchBreaker } = await import('../core/resilience/switch-breaker.js');
    const result = await switchBreaker(await this.lakehouse(), {
      name: args.name,
      to: this.to,
      by: whoAmI(),
      reason: flags.reason ?? null,
      dryRun: flags['dry-run'],
    });
    const { name, from, to, level } = result;
    if (result.dryRun) this.done(`Dry run. ${name} is ${from} and would be ${to}; nothing was changed.`);
    else if (!result.changed) this.done(`Done. ${name} was ${this.already} already; nothing was changed.`);
    else this.done(`Done. ${name} was ${from} and is ${to}; the level of degradation is ${level}.`);
    return result;
  }
}
