/** The event log behind a breaker. */
import type { EventLog } from '../log/event-log.js';
import type { Guard } from './guard.js';

export function guardedLog(log: EventLog, guard: Guard): EventLog {
  return {
    ensureTopic: (...args) => guard(() => log.ensureTopic(...args)),
    append: (...args) => guard(() => log.append(...args)),
    read: (...args) => guard(() => log.read(...args)),
    topicId: (...args) => guard(() => log.topicId(...args)),
    bounds: (...args) => guard(() => log.bounds(...args)),
    offsetAt: (...args) => guard(() => log.offsetAt(...args)),
    commitOffsets: (...args) => guard(() => log.commitOffsets(...args)),
    committedOffsets: (...args) => guard(() => log.committedOffsets(...args)),
    close: () => log.close(),
  };
}
