import { Flags } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import type { DegradationStatus } from '../../core/resilience/run-degrade.js';

export default class DegradeStatus extends KeystoneCommand {
  static override summary = 'Show the level of degradation, why it holds, and what it leaves of the work';
  static override description = `full: everything. reduced (the engine is away): care of tables waits, validation runs its error-level checks. minimal (catalog
or state, or two services): events land, and nothing is derived or built. buffer-only (log or store): events are accepted and
kept, and nothing else. The level follows from the breakers by itself, a minute after the last service came back; until then consume run
goes on trying to land, which is how it finds out. Only a level set by hand (degrade set) stops landing.`;
  static override examples = ['<%= config.bin %> degrade status', '<%= config.bin %> degrade status --changes 50 --json'];
  static override flags = {
    changes: Flags.integer({ default: 5, min: 0, max: 1000, description: 'how many of the last changes' }),
  };

  async run(): Promise<DegradationStatus> {
    const { flags } = await this.parse(DegradeStatus);
    const { degradationStatus } = await import('../../core/resilience/run-degrade.js');
    const status = await degradationStatus(await this.lakehouse(), flags.changes);
    const until = status.untilMs === null ? '' : ` until ${new Date(status.untilMs).toISOString()}`;
    this.say(`level ${status.level} (${status.mode}${until})`);
    for (const cause of status.causes) this.say(`  because  ${cause}`);
    this.printRows(status.activities, ['activity', 'now', 'full', 'note']);
    for (const { at, what, from, to, why } of status.history)
      this.say(`${at}  ${what}: ${from} → ${to}${why ? `  (${why})` : ''}`);
    const next = status.mode === 'manual' ? '; let it follow by itself again: keystone degrade auto' : '';
    this.done(`Done. The level of degradation is ${status.level}${next}.`);
    return status;
  }
}
