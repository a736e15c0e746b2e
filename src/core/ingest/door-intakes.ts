/**
 * The intakes of the doors, over one log: they share the group commit, the budget in flight and each client's limits, and differ in the
 * source of an event that names none.
 */
import type { Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { NewRecord } from '../log/event-log.js';
import { eventAcceptor, type AcceptOptions } from './accept-event.js';
import { createClientLimits, type ClientLimitOptions } from './client-limits.js';
import { createEventIntake, type EventIntake, type IngestTotals } from './event-intake.js';
import { createGroupCommit, type GroupCommitOptions } from './group-commit.js';
import { createInFlightBudget } from './in-flight-budget.js';
import type { IngestMeter } from './ingest-meter.js';
import type { TellRefusal } from './refusal-log.js';

export interface DoorIntakes {
  readonly grpc: EventIntake;
  readonly http: EventIntake;
  /** Of both. */
  totals(): IngestTotals;
  /** Resolves once everything that was taken is settled. */
  flush(): Promise<void>;
}

export interface DoorIntakesOptions extends Omit<AcceptOptions, 'defaultSource'> {
  readonly topic: string;
  /** Into the log, or what stands before it. */
  readonly append: GroupCommitOptions['append'];
  /** Fixed wait before a group commit; 0 commits when the event loop is free. */
  readonly lingerMs: number;
  /** Over all clients. */
  readonly maxInFlightBytes: number;
  /** Of each client; absent: none but `maxInFlightBytes`. */
  readonly limits?: Omit<ClientLimitOptions, 'clock'> | undefined;
  readonly clock: Clock;
  /** Absent: nobody counts. */
  readonly meter?: IngestMeter | undefined;
  /** Absent: refusals are told to the clients alone. */
  readonly tellRefusal?: TellRefusal | undefined;
  /** Now and then while appends fail, with the message of one of them. */
  readonly onAppendFailed: (message: string) => void;
}

const FAILURE_QUIET_MS = 10_000;

export function createDoorIntakes(options: DoorIntakesOptions): DoorIntakes {
  const { topic, meter, tellRefusal, clock, maxInFlightBytes, lingerMs } = options;
  const append = meter ? (records: readonly NewRecord[]) => meter.timed(() => options.append(records)) : options.append;
  const commits = createGroupCommit({ append, lingerMs });
  const limits = options.limits ?? { eventsPerSecond: undefined, bytesPerSecond: undefined, inFlightBytes: maxInFlightBytes };
  let lastFailureMs = Number.NEGATIVE_INFINITY;
  const shared = {
    topic,
    budget: createInFlightBudget(maxInFlightBytes),
    limits: createClientLimits({ ...limits, clock }),
    commits,
    meter,
    tellRefusal,
    onAppendFailed: (error: Error) => {
      // While the log is away every request fails: say so now and then, not for each.
      const nowMs = clock.nowMs();
      if (nowMs - lastFailureMs < FAILURE_QUIET_MS) return;
      lastFailureMs = nowMs;
      options.onAppendFailed(messageOf(error));
    },
  };
  const intakeOf = (door: 'grpc' | 'http'): EventIntake =>
    createEventIntake({ ...shared, door, accept: eventAcceptor({ ...options, defaultSource: door }) });
  const grpc = intakeOf('grpc');
  const http = intakeOf('http');
  return {
    grpc,
    http,
    totals: () => {
      const [first, second] = [grpc.totals(), http.totals()];
      return { accepted: first.accepted + second.accepted, refused: first.refused + second.refused };
    },
    flush: () => commits.flush(),
  };
}
