import { Flags } from '@oclif/core';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { spoolLines } from '../../cli/spool-text.js';
import type { Account } from '../../core/ledger/account.js';

export default class LedgerVerify extends KeystoneCommand {
  static override summary = 'Prove where every accepted event is';
  static override description = `Every offset below bronze's next is in bronze once, is a recorded hole, or expired unread and was given up
(consume accept-loss; each such range is named), and none expired unread without a word; every processed event is exactly one of current in silver or disposed
of with a reason (error, quarantined, duplicate, superseded). What servers of this machine keep in their spool while the
log is away is counted beside it. Quick mode adds up the snapshot summaries, --deep reads the data. Breaks name the
offsets and end with exit code 3.`;
  static override examples = ['<%= config.bin %> ledger verify', '<%= config.bin %> ledger verify --deep --json'];
  static override flags = {
    deep: Flags.boolean({ description: 'read the data files instead of the snapshot summaries' }),
  };

  async run(): Promise<Account> {
    const { flags } = await this.parse(LedgerVerify);
    const lakehouse = await this.lakehouse();
    const { verifyLedger } = await import('../../core/ledger/verify.js');
    const account = await verifyLedger(lakehouse, { deep: flags.deep, onProgress: this.progress, signal: this.signal });
    this.printRows(
      account.partitions.map((one) => ({ ...one })),
      ['topic', 'partition', 'logEnd', 'bronzeNext', 'processedNext', 'pending', 'holes', 'lost'],
    );
    for (const { topic, partition, from, toExclusive, eventsAtMost, acceptedAt, by, reason } of account.losses) {
      const lost = `${topic}/${partition} ${from} to ${toExclusive - 1} expired unread: at most ${counted(eventsAtMost, 'event')}`;
      this.say(`LOST ${lost}; accepted ${acceptedAt} by ${by}: ${reason}`);
    }
    for (const line of spoolLines(account.spool)) this.say(line);
    for (const { kind, table, detail, offsets, hint } of account.breaks) {
      this.say(`BREAK ${kind} ${table}: ${detail}${offsets.length > 0 ? `: ${offsets.join(' ')}` : ''}`);
      if (hint !== undefined) this.say(`  ${hint}`);
    }
    for (const { table, rolledBackFrom, currentSnapshot } of account.rolledBack) {
      this.say(`ROLLED BACK ${table}: from snapshot ${rolledBackFrom ?? 'none'} to ${currentSnapshot ?? 'nothing'}`);
    }
    if (account.inFlight.length > 0) {
      this.say(`In flight (judged at the snapshot before): ${account.inFlight.join(', ')}; "keystone consume run" finishes it`);
    }
    for (const text of account.warnings) this.addWarning(text);
    const { totals } = account;
    const silver = Object.values(totals.silver).reduce((sum, rows) => sum + rows, 0);
    const verdicts = Object.entries(totals.dispositions).map(([verdict, count]) => `${count} ${verdict}`);
    const lost =
      totals.lostAtMost === 0 ? '' : ` At most ${counted(totals.lostAtMost, 'event')} expired unread and were given up.`;
    const spooled = account.spool && account.spool.events > 0 ? `, ${account.spool.events} in the spool of this machine` : '';
    if (!account.closed) this.failChecks();
    this.done(
      `${account.closed ? 'The account closes' : 'The account does NOT close'} (${account.mode}). ${totals.bronze} events in bronze: ` +
        `${silver} current in silver, ${verdicts.join(', ')}, ${totals.unprocessed} not yet processed; ${totals.pending} pending in the log${spooled}.${lost}`,
    );
    return account;
  }
}
