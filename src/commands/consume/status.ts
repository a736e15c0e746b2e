import { Flags } from '@oclif/core';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { ConsumeStatus as Status, MemberStatus } from '../../core/consume/consume-status.js';
import type { SeenRun } from '../../core/consume/signs-of-life.js';

export default class ConsumeStatus extends KeystoneCommand {
  static override summary = 'Show who consumes the topic, how far each step has come, and how the last runs ended';
  static override description = `bronze.events is fed from the log; ledger.dispositions says how far silver, quarantine and error zone are derived.
On Kafka it names the members of the consumer group, the partitions that each lands, and which of them derives.`;
  static override examples = [
    '<%= config.bin %> consume status',
    '<%= config.bin %> consume status --runs 20 --json',
    '<%= config.bin %> consume status --output csv --columns table,partition,pendingEvents',
  ];
  static override flags = {
    ...listFlags,
    topic: Flags.string({ description: 'topic of the log (default: the profile’s)' }),
    runs: Flags.integer({ description: 'how many of the last runs to show', default: 5, min: 0 }),
  };

  async run(): Promise<Status> {
    const { flags } = await this.parse(ConsumeStatus);
    const lakehouse = await this.lakehouse();
    const { consumeStatus } = await import('../../core/consume/consume-status.js');
    const status = await consumeStatus(lakehouse, { topic: flags.topic, runs: flags.runs });
    this.printRows(status.positions, ['table', 'partition', 'nextOffset', 'logEndOffset', 'pendingEvents']);
    this.say(`Topic ${status.topic}, group ${status.group}. ${describeLease(status, this.effects().clock.nowMs())}`);
    for (const member of status.members) this.say(describeMember(member));
    for (const run of status.lastRuns) this.say(describeRun(run));
    this.done(`Done. ${status.pendingLanding} events wait to land, ${status.pendingDerivation} to be derived.`);
    return status;
  }
}

function describeLease({ lease, members }: Status, nowMs: number): string {
  // In a group many land; the holder of the lease is the one that derives.
  const [does, did, nobody] =
    members.length > 0 ? ['derives', 'derived', 'Nobody derives.'] : ['is consuming', 'was consuming', 'Nobody is consuming.'];
  switch (lease.kind) {
    case 'free':
      return nobody;
    case 'held':
      return `${lease.holder} ${does} (token ${lease.fencingToken}, renewed until ${new Date(lease.expiresAtMs).toISOString()}).`;
    case 'expired':
      return `${lease.holder} ${did}; its lease expired ${((nowMs - lease.expiresAtMs) / 1000).toFixed(1)} s ago.`;
  }
}

function describeMember({ name, host, partitions, derives }: MemberStatus): string {
  const lands = partitions.length === 0 ? 'has no partition now' : `lands partitions ${partitions.join(', ')}`;
  return `Member ${name} on ${host} ${lands}${derives ? ' and derives' : ''}.`;
}

/** What was killed cannot say so; the next run goes on where it stopped. */
function describeRun({ id, status, startedAtMs, endedAtMs, lastSignAtMs }: SeenRun): string {
  const took = endedAtMs === null ? '' : `, took ${((endedAtMs - startedAtMs) / 1000).toFixed(1)} s`;
  const started = `started ${new Date(startedAtMs).toISOString()}`;
  if (status !== 'lost') return `Run ${id} ${status}, ${started}${took}`;
  const since = lastSignAtMs === null ? '' : ` since ${new Date(lastSignAtMs).toISOString()}`;
  return `Run ${id} was lost (killed, or its machine is gone: no sign of life${since}), ${started}`;
}
