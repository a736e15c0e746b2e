import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { BreakerView } from '../../core/resilience/look-at-breakers.js';

export default class BreakerList extends KeystoneCommand {
  static override summary = 'List the circuit breakers: which services are called, and which are refused for now';
  static override description = `Before each service on another machine stands a breaker that all processes share. Five failures in a row, or half of a
minute's calls (ten at least), open it: calls are refused at once for 30 seconds, then one at a time goes through, and three that
succeed close it. Services on this machine (folder, embedded, sqlite, duckdb) have none.`;
  static override examples = ['<%= config.bin %> breaker list', '<%= config.bin %> breaker list --json'];
  static override flags = { ...listFlags };

  async run(): Promise<readonly BreakerView[]> {
    await this.parse(BreakerList);
    const { listBreakers } = await import('../../core/resilience/look-at-breakers.js');
    const breakers = await listBreakers(await this.lakehouse());
    const rows = this.printRows(breakers, [
      'name',
      'adapter',
      'state',
      'since',
      'calls',
      'failureRate',
      'latencyMs',
      'cause',
      'nextProbe',
    ]);
    const open = breakers.filter(({ state }) => state === 'open' || state === 'half-open');
    const first = open[0];
    this.done(
      `Done. ${counted(breakers.filter(({ state }) => state !== 'none').length, 'breaker')}, ${first ? `${open.length} not closed; see why: keystone breaker show ${first.name}` : 'none is open'}.`,
    );
    return rows;
  }
}
