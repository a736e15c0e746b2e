/** Statements on services that cost money, as runs in the state store: what was expected, what was read, what it cost. */
import { z } from 'zod';
import { messageOf } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { RunStatus } from '../state/state-store.js';
import { randomUuid } from '../table/random-names.js';
import { billedBytes, scanDollars } from './statement-cost.js';

/** `Run.command` of such a run; the command that asked is in its detail. */
export const STATEMENT_RUN = 'statement';

export const statementDetail = z.object({
  engine: z.string(),
  /** The service's own name of the statement; null when it never began. */
  statement: z.string().nullable(),
  /** The command that asked, e.g. `query`. */
  command: z.string(),
  estimatedBytes: z.number().nullable(),
  actualBytes: z.number(),
  billedBytes: z.number(),
  dollars: z.number(),
  /** Tables read, each with its share of the estimate. */
  tables: z.array(z.object({ table: z.string(), estimatedBytes: z.number() })),
});

export type StatementDetail = z.output<typeof statementDetail>;

export interface StatementOutcome {
  readonly engine: string;
  readonly statement: string | null;
  readonly command: string;
  readonly estimatedBytes: number | null;
  readonly actualBytes: number;
  readonly tables: StatementDetail['tables'];
  readonly startedAtMs: number;
  readonly status: RunStatus;
}

/** Counts what was read too. A record that can't be kept is told to the log and fails nothing: the answer is there already. */
export async function recordStatement(lakehouse: Lakehouse, outcome: StatementOutcome): Promise<StatementDetail> {
  const { config, effects } = lakehouse;
  const { startedAtMs, status, ...facts } = outcome;
  effects.metrics?.count('keystone_scanned_bytes_total', facts.actualBytes, { engine: facts.engine });
  // A statement that failed is not billed.
  const billed = status === 'failed' ? 0 : billedBytes(config.cost, facts.engine, facts.actualBytes);
  const detail: StatementDetail = { ...facts, billedBytes: billed, dollars: scanDollars(config.cost, billed) };
  try {
    const state = await lakehouse.state();
    const id = randomUuid(effects.randomBytes);
    await state.saveRun({ id, command: STATEMENT_RUN, status, startedAtMs, endedAtMs: effects.clock.nowMs(), detail });
  } catch (error) {
    effects.logger?.warn('cost.statement_not_recorded', { engine: facts.engine, reason: messageOf(error) });
  }
  return detail;
}
