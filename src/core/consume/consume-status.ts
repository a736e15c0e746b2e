/** Who consumes a topic, how far each step has come, and how the last runs ended. */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { measureLag } from '../lag/measure-lag.js';
import type { Lakehouse } from '../lakehouse.js';
import type { GroupMember } from '../log/group-membership.js';
import { DISPOSITIONS } from '../ledger/dispositions-table.js';
import type { TableName } from '../table/table-api.js';
import { leaseName } from '../state/lease-name.js';
import { seenRun, type SeenRun } from './signs-of-life.js';

/** The builder's lease: an expired one may be taken over at any moment. */
export type LeaseStatus =
  | { readonly kind: 'free'; readonly name: string }
  | {
      readonly kind: 'held' | 'expired';
      readonly name: string;
      readonly holder: string;
      readonly fencingToken: number;
      readonly expiresAtMs: number;
    };

/** One process of the consumer group. */
export interface MemberStatus extends GroupMember {
  /** Holds the lease, and so derives what all of them land. */
  readonly derives: boolean;
}

/** How far one step has come in one partition. */
export interface StepPosition {
  /** `bronze.events` is fed from the log; `ledger.dispositions` says how far silver, quarantine and error zone are derived. */
  readonly table: TableName;
  readonly partition: number;
  readonly nextOffset: number;
  readonly logEndOffset: number;
  /** Events of the log that this step has not done. */
  readonly pendingEvents: number;
}

export interface ConsumeStatus {
  readonly topic: string;
  readonly group: string;
  readonly lease: LeaseStatus;
  /** Who shares the landing; always empty where the log has no groups (embedded): there the holder of the lease does everything. */
  readonly members: readonly MemberStatus[];
  readonly positions: readonly StepPosition[];
  /** Events not yet in bronze. */
  readonly pendingLanding: number;
  /** Events not yet derived, those not yet in bronze included. */
  readonly pendingDerivation: number;
  /** Newest first. */
  readonly lastRuns: readonly SeenRun[];
}

/** Throws KS_NOT_FOUND when the topic does not exist. */
export async function consumeStatus(
  lakehouse: Lakehouse,
  of: { readonly topic?: string | undefined; readonly runs: number },
): Promise<ConsumeStatus> {
  const dispositions = await lakehouse.table(DISPOSITIONS.name);
  // Read before the log, so that no step can look further than the log's end.
  const derived = (await dispositions?.state())?.nextOffsets;
  const lag = await measureLag(lakehouse, { topic: of.topic });
  const state = await lakehouse.state();
  const name = leaseName(lag.topic);
  const kept = await state.readLease(name);
  const nowMs = lakehouse.effects.clock.nowMs();
  const lease: LeaseStatus =
    kept === null ? { kind: 'free', name } : { kind: kept.expiresAtMs > nowMs ? 'held' : 'expired', ...kept };
  const bronze = await (await lakehouse.table(BRONZE_EVENTS.name))?.metadata();
  const all = (await (await lakehouse.log()).groupMembers?.(lag.group, lag.topic)) ?? [];
  // Another lake may land the same topic under the same group: its members are not ours.
  const members = all.filter(({ lake }) => lake === bronze?.metadata['table-uuid']);
  const position = (table: TableName, partition: number, nextOffset: number, logEndOffset: number): StepPosition => ({
    table,
    partition,
    nextOffset,
    logEndOffset,
    pendingEvents: Math.max(0, logEndOffset - nextOffset),
  });
  const landing = lag.partitions.map((p) => position(BRONZE_EVENTS.name, p.partition, p.lakeOffset, p.endOffset));
  const derivation = lag.partitions.map((p) =>
    position(DISPOSITIONS.name, p.partition, derived?.get(lag.topic)?.get(p.partition) ?? 0, p.endOffset),
  );
  const pending = (positions: readonly StepPosition[]): number => positions.reduce((sum, p) => sum + p.pendingEvents, 0);
  const runs = await state.listRuns({ command: 'consume run', limit: of.runs });
  return {
    topic: lag.topic,
    group: lag.group,
    lease,
    members: members.map((member) => ({ ...member, derives: member.name === kept?.holder })),
    positions: [...landing, ...derivation],
    pendingLanding: pending(landing),
    pendingDerivation: pending(derivation),
    lastRuns: runs.map((run) => seenRun(run, { lease, members, nowMs })),
  };
}
