/** The event log behind a breaker. */
import type { EventLog } from '../log/event-log.js';
import type { BatchOutcome, NamedAppends } from '../log/named-appends.js';
import type { Guard } from './guard.js';

export function guardedLog(log: EventLog, guard: Guard): EventLog {
  const { joinGroup, groupMembers } = log;
  return {
    ensureTopic: (...args) => guard(() => log.ensureTopic(...args)),
    append: (...args) => guard(() => log.append(...args)),
    read: (...args) => guard(() => log.read(...args)),
    topicId: (...args) => guard(() => log.topicId(...args)),
    bounds: (...args) => guard(() => log.bounds(...args)),
    offsetAt: (...args) => guard(() => log.offsetAt(...args)),
    commitOffsets: (...args) => guard(() => log.commitOffsets(...args)),
    committedOffsets: (...args) => guard(() => log.committedOffsets(...args)),
    ...(log.named ? { named: guardedNamed(log.named, guard) } : {}),
    // A member goes on trying in the background; what it does is no call that somebody waits for.
    ...(joinGroup && { joinGroup }),
    ...(groupMembers && { groupMembers: (...args) => guard(() => groupMembers(...args)) }),
    close: () => log.close(),
  };
}

/** Batches that were not answered for are failures of the log, though their outcomes are values. */
class Unanswered extends Error {
  readonly outcomes: readonly BatchOutcome[];
  /** Counts where it may pass by itself. */
  readonly retriable = true;

  constructor(outcomes: readonly BatchOutcome[]) {
    super('batches were not answered for');
    this.outcomes = outcomes;
  }
}

function guardedNamed(named: NamedAppends, guard: Guard): NamedAppends {
  return {
    recordBytes: (...args) => guard(() => named.recordBytes(...args)),
    cut: (...args) => guard(() => named.cut(...args)),
    find: (...args) => guard(() => named.find(...args)),
    send: async (topic, batches, patienceMs) => {
      try {
        return await guard(async () => {
          const outcomes = await named.send(topic, batches, patienceMs);
          if (outcomes.some(({ kind }) => kind === 'doubtful' || kind === 'unsent')) throw new Unanswered(outcomes);
          return outcomes;
        });
      } catch (error) {
        if (error instanceof Unanswered) return error.outcomes;
        // The breaker is open: nothing was called.
        const refusal = error instanceof Error ? error : new Error(String(error));
        return batches.map((): BatchOutcome => ({ kind: 'unsent', error: refusal }));
      }
    },
  };
}
