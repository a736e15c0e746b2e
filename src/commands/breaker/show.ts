import { Args, Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import type { BreakerDetail } from '../../core/resilience/look-at-breakers.js';

export default class BreakerShow extends KeystoneCommand {
  static override summary = 'Show one circuit breaker: its state, what it saw of late, and its last changes with who and why';
  static override examples = ['<%= config.bin %> breaker show store', '<%= config.bin %> breaker show log --changes 100 --json'];
  static override args = {
    name: Args.string({
      description: 'log, store, catalog, engine, state, or an engine by name: engine.athena, engine.trino',
      required: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    changes: Flags.integer({ default: 10, min: 0, max: 1000, description: 'how many of its last changes' }),
  };

  async run(): Promise<BreakerDetail> {
    const { args, flags } = await this.parse(BreakerShow);
    const { showBreaker } = await import('../../core/resilience/look-at-breakers.js');
    const breaker = await showBreaker(await this.lakehouse(), args.name, flags.changes);
    const { calls, failureRate, latencyMs, cause, lastFailure, nextProbe, since } = breaker;
    this.say(`${breaker.name} (${breaker.service})`);
    this.say(`  state       ${breaker.state}${cause === null ? '' : ` (${cause})`}${since === null ? '' : ` since ${since}`}`);
    if (lastFailure !== null) this.say(`  last error  ${lastFailure}`);
    if (breaker.state === 'open') this.say(`  next probe  ${nextProbe ?? 'after keystone breaker reset'}`);
    if (failureRate !== null)
      this.say(`  last 60 s   ${counted(calls, 'call')}, ${(failureRate * 100).toFixed(1)} % failed, ${latencyMs} ms on average`);
    this.printRows(breaker.history, ['at', 'from', 'to', 'cause', 'by', 'reason']);
    this.done(`Done. ${breaker.name} is ${breaker.state}; ${counted(breaker.history.length, 'change')} shown.`);
    return breaker;
  }
}
