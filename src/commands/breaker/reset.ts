import { Args, Flags } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { whoAmI } from '../../cli/who.js';
import type { SwitchedBreaker } from '../../core/resilience/switch-breaker.js';

export default class BreakerReset extends KeystoneCommand {
  static override summary = 'Close a circuit breaker: calls of the service go through again, and failures count anew';
  static override description =
    'Ends what breaker trip began, or the wait of one that opened by itself. A service that still fails opens it again.';
  static override examples = [
    '<%= config.bin %> breaker reset store',
    "<%= config.bin %> breaker reset store --reason 'the bucket is back' --json",
    '<%= config.bin %> breaker reset store --dry-run',
  ];
  static override args = {
    name: Args.string({ description: 'log, store, catalog or engine', required: true, ignoreStdin: true }),
  };
  static override flags = {
    reason: Flags.string({ description: 'why, for whoever looks at its history' }),
    'dry-run': Flags.boolean({ default: false, description: 'say what would change and change nothing' }),
  };

  async run(): Promise<SwitchedBreaker> {
    const { args, flags } = await this.parse(BreakerReset);
    const { switchBreaker } = await import('../../core/resilience/switch-breaker.js');
    const result = await switchBreaker(await this.lakehouse(), {
      name: args.name,
      to: 'closed',
      by: whoAmI(),
      reason: flags.reason ?? null,
      dryRun: flags['dry-run'],
    });
    const { name, from, to, level } = result;
    if (result.dryRun) this.done(`Dry run. ${name} is ${from} and would be ${to}; nothing was changed.`);
    else if (!result.changed) this.done(`Done. ${name} was closed already; nothing was changed.`);
    else this.done(`Done. ${name} was ${from} and is ${to}; the level of degradation is ${level}.`);
    return result;
  }
}
