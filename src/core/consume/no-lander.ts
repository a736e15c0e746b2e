/**
 * Makes sure that nobody lands these partitions: a consumer may still hold events in memory that the log has lost, and lands them within
 * moments. Where one builder works under a lease, the lease is taken; in a group its members are waited for.
 */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { takeLease } from '../rollback/take-lease.js';
import { leaseName } from '../state/lease-name.js';

export interface NoLander {
  /** Throws KS_LEASE_LOST when the lease is gone. */
  readonly hold: () => void;
  readonly release: () => Promise<void>;
}

export interface NoLanderWish {
  readonly partitions: readonly number[];
  /** The command that is to be given again. */
  readonly again: string;
  readonly signal: AbortSignal;
  readonly onNotice?: ((text: string) => void) | undefined;
}

const LOOK_MS = 500;
/** Sessions of a group that a killed member is waited for: brokers forget it after one. */
const SESSIONS = 2;

/** Throws KS_LEASE_HELD while a consumer lives that may land them, KS_INTERRUPTED. */
export async function noLander(lakehouse: Lakehouse, wish: NoLanderWish): Promise<NoLander> {
  const log = await lakehouse.log();
  const { config } = lakehouse;
  const wayOut = `stop it (Ctrl-C or SIGTERM; keystone consume status shows it), then: ${wish.again}`;
  if (log.groupMembers) {
    await membersGone(lakehouse, wish, wayOut);
    return { hold: () => undefined, release: async () => undefined };
  }
  const { signal, onNotice } = wish;
  const lease = await takeLease(lakehouse, {
    name: leaseName(config.profile.log.topic),
    ttlMs: config.consume.leaseTtl,
    holder: 'a consumer',
    wayOut,
    signal,
    ...(onNotice && { onNotice }),
  });
  return { hold: () => void lease.hold(), release: lease.release };
}

/** Who joins later reads from the lake's own offsets, and meets what is lost as everybody does. */
async function membersGone(lakehouse: Lakehouse, wish: NoLanderWish, wayOut: string): Promise<void> {
  const { config, effects } = lakehouse;
  const log = await lakehouse.log();
  const bronze = await (await lakehouse.table(BRONZE_EVENTS.name))?.metadata();
  if (!bronze) return;
  const untilMs = effects.clock.nowMs() + SESSIONS * config.consume.leaseTtl;
  let isTold = false;
  for (;;) {
    const members = (await log.groupMembers?.(config.consume.group, config.profile.log.topic)) ?? [];
    const lander = members.find(
      ({ lake, partitions }) =>
        lake === bronze.metadata['table-uuid'] && wish.partitions.some((partition) => partitions.includes(partition)),
    );
    if (!lander) return;
    const what = `${lander.name} on ${lander.host} lands partitions ${lander.partitions.join(', ')}`;
    if (wish.signal.aborted)
      throw new KeystoneError('KS_INTERRUPTED', `stopped while ${what}; nothing was changed`, { hint: wish.again });
    if (effects.clock.nowMs() >= untilMs) {
      throw new KeystoneError('KS_LEASE_HELD', `${what}, and may hold events in memory that the log has lost`, {
        hint: wayOut,
        details: { member: lander.name },
      });
    }
    if (!isTold) wish.onNotice?.(`${what}: waiting for it to land what it holds, or to end`);
    isTold = true;
    await effects.clock.sleep(LOOK_MS, wish.signal);
  }
}
