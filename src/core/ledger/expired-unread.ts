/**
 * Events that expired in the log before bronze had them, and that nobody has given up. Bronze and the log's bounds are read at different
 * moments, and a consumer lands what it holds although it expires meanwhile: so bronze is asked again, for as long as one may do that.
 */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import type { Lakehouse } from '../lakehouse.js';
import { WAYS_OUT } from '../log/log-truncated.js';
import { nextOffsetOf } from '../silver/offset-ranges.js';
import { leaseName } from '../state/lease-name.js';
import { partitionsAhead } from '../table/snapshot-offsets.js';
import type { Table, TableState } from '../table/table-api.js';
import type { AccountBreak, ExpiredUnread, PartitionAccount } from './account.js';

export interface UnreadAccount {
  readonly expired: readonly ExpiredUnread[];
  readonly breaks: readonly AccountBreak[];
}

/** How long a consumer that lives is waited for. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 250;

/** `partitions`: with bounds that were read after bronze. `bronze`: null before anything was landed. */
export async function expiredUnread(
  lakehouse: Lakehouse,
  partitions: readonly PartitionAccount[],
  bronze: Table | null,
  signal: AbortSignal = new AbortController().signal,
): Promise<UnreadAccount> {
  const { clock } = lakehouse.effects;
  const unread = (next: (one: PartitionAccount) => number): readonly ExpiredUnread[] =>
    partitions.flatMap((one) => {
      const { topic, partition, logStart } = one;
      const from = next(one);
      return logStart === null || logStart <= from
        ? []
        : [{ topic, partition, from, toExclusive: logStart, eventsAtMost: logStart - from }];
    });
  let expired = unread(({ bronzeNext }) => bronzeNext);
  const untilMs = clock.nowMs() + PATIENCE_MS;
  for (;;) {
    if (expired.length === 0) return { expired, breaks: [] };
    // Before bronze: what one has landed that has ended since is seen. Who may not ask for it (or reaches no state) still gets an account.
    const lander = await landerOf(lakehouse, expired, bronze).catch(() => null);
    // It may have been made since.
    const state = (await (bronze ?? (await lakehouse.table(BRONZE_EVENTS.name)))?.state()) ?? null;
    expired = unread(({ topic, partition }) => nextOffsetOf(state?.nextOffsets ?? new Map(), topic, partition));
    if (lander === null || signal.aborted || clock.nowMs() >= untilMs)
      return { expired, breaks: expired.map((one) => breakOf(lakehouse, one, state, lander)) };
    if (expired.length > 0) await clock.sleep(LOOK_MS, signal);
  }
}

/** A consumer that may hold such events in memory; null: none lives. */
async function landerOf(lakehouse: Lakehouse, expired: readonly ExpiredUnread[], bronze: Table | null): Promise<string | null> {
  const { config, effects } = lakehouse;
  const log = await lakehouse.log();
  for (const topic of new Set(expired.map((one) => one.topic))) {
    if (!log.groupMembers) {
      const lease = await (await lakehouse.state()).readLease(leaseName(topic));
      if (lease !== null && lease.expiresAtMs > effects.clock.nowMs()) return lease.holder;
      continue;
    }
    const lake = (await bronze?.metadata())?.metadata['table-uuid'];
    const lander = (await log.groupMembers(config.consume.group, topic)).find(
      (member) => member.lake === lake && expired.some((one) => one.topic === topic && member.partitions.includes(one.partition)),
    );
    if (lander) return lander.name;
  }
  return null;
}

function breakOf(
  { config }: Lakehouse,
  { topic, partition, from, toExclusive, eventsAtMost }: ExpiredUnread,
  state: TableState | null,
  lander: string | null,
): AccountBreak {
  const other = topic === config.profile.log.topic ? '' : ` --set log.topic=${topic}`;
  const begins = [...(state?.nextOffsets.get(topic)?.values() ?? [])].every((next) => next === 0);
  const newer = state?.rolledBackFrom ?? null;
  // `consume accept-loss` refuses while there is such a snapshot, whichever partition it holds more of.
  const isHeld = newer !== null && partitionsAhead(newer, topic, state?.nextOffsets ?? new Map()).length > 0;
  const what = `${topic} partition ${partition} begins at ${toExclusive}, ${begins ? 'and nothing of the topic was landed' : `but bronze ends at ${from}`}`;
  const events = `at most ${eventsAtMost} event${eventsAtMost === 1 ? '' : 's'} (offsets ${from} to ${toExclusive - 1}) expired unread`;
  return {
    kind: 'expired-unread',
    table: BRONZE_EVENTS.name,
    detail: `${what}: ${events}${lander === null ? '' : `, unless ${lander}, which lives, still lands them`}`,
    count: eventsAtMost,
    offsets: [],
    hint: isHeld
      ? `keystone table rollback ${BRONZE_EVENTS.name} --to ${newer.id} --dry-run (that snapshot holds more of the topic), then: keystone ledger verify`
      : begins
        ? `a lake on an old topic begins with: keystone consume accept-loss --dry-run${other}`
        : `${WAYS_OUT}${other}`,
  };
}
