/** A run as the state stores keep it. */
import type { StateSchema } from './state-schema.js';
import type { Run, RunStatus } from './state-store.js';

type RunRow = StateSchema['runs'];

export const runRow = (run: Run): RunRow => ({
  id: run.id,
  command: run.command,
  status: run.status,
  started_at_ms: Math.floor(run.startedAtMs),
  ended_at_ms: run.endedAtMs === null ? null : Math.floor(run.endedAtMs),
  detail: JSON.stringify(run.detail ?? null),
});

export const runOf = (row: RunRow): Run => ({
  id: row.id,
  command: row.command,
  status: row.status as RunStatus,
  startedAtMs: row.started_at_ms,
  endedAtMs: row.ended_at_ms,
  detail: JSON.parse(row.detail) as unknown,
});
