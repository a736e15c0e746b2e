/** An engine on other machines behind a breaker. */
import type { SqlEngine } from '../engine/sql-engine.js';
import type { Guard } from './guard.js';

export function guardedEngine(engine: SqlEngine, guard: Guard): SqlEngine {
  return {
    name: engine.name,
    query: (...args) => guard(() => engine.query(...args)),
    arrow: (...args) => guard(() => engine.arrow(...args)),
    close: () => engine.close(),
  };
}
