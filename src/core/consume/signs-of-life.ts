/**
 * A run says again and again that it is there: who was killed cannot say how it ended, and would else be taken for running for ever. What is
 * written is history alone: nothing is decided by it.
 */
import { z } from 'zod';
import type { LeaseStatus, MemberStatus } from './consume-status.js';
import type { Run, RunStatus } from '../state/state-store.js';

/** Between two signs. */
const SIGN_MS = 5000;
/** Without a sign for so long, a run is taken for lost: several signs, so that a busy moment or a state store away is none. */
const LOST_AFTER_MS = 30_000;

/** What a run that has not ended writes of itself. */
const livingRun = z.object({
  /** The process, as leases and groups name it. */
  holder: z.string().optional(),
  aliveAtMs: z.number().optional(),
});

export type SignOfLife = z.output<typeof livingRun>;

/** Calls `write` every few seconds; what fails is left for the next time. `stop` resolves when none is under way any more. */
export function giveSigns(write: () => Promise<void>): { stop(): Promise<void> } {
  let writing: Promise<void> | undefined;
  const timer = setInterval(() => {
    writing ??= write()
      .catch(() => undefined)
      .finally(() => (writing = undefined));
  }, SIGN_MS);
  timer.unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await writing;
    },
  };
}

/** A run as it looks from outside. */
export interface SeenRun extends Omit<Run, 'status'> {
  /** `lost`: it never said how it ended, and has given no sign of life for a while: killed, or its machine is gone. */
  readonly status: RunStatus | 'lost';
  /** Of a run that has not ended: when it last said that it is there. */
  readonly lastSignAtMs: number | null;
}

/** What is known of who is there, beside the runs' own signs. */
export interface Presence {
  readonly lease: LeaseStatus;
  readonly members: readonly Pick<MemberStatus, 'name'>[];
  readonly nowMs: number;
}

export function seenRun(run: Run, { lease, members, nowMs }: Presence): SeenRun {
  if (run.status !== 'running') return { ...run, lastSignAtMs: null };
  const { holder, aliveAtMs }: SignOfLife = livingRun.safeParse(run.detail).data ?? {};
  const lastSignAtMs = aliveAtMs ?? run.startedAtMs;
  const isPresent =
    holder !== undefined && ((lease.kind === 'held' && lease.holder === holder) || members.some(({ name }) => name === holder));
  return { ...run, status: isPresent || nowMs - lastSignAtMs < LOST_AFTER_MS ? 'running' : 'lost', lastSignAtMs };
}
