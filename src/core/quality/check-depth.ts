/** How much of a contract is checked, by what the level of degradation leaves of validation. */
import type { Lakehouse } from '../lakehouse.js';
import { allowanceAt } from '../resilience/degradation.js';
import { requireAllowed } from '../resilience/require-allowed.js';
import type { PlannedCheck } from './planned-check.js';

/**
 * - `full`: every check.
 * - `core`: those of error level, which decide whether a partition passes.
 * - `basic`: of those, what needs no look beyond one column of a row: whole records, values of their type, required columns.
 */
export type CheckDepth = 'full' | 'core' | 'basic';

/** Throws KS_DEGRADED when no validation is left, unless it is forced (then everything is checked). Unknown is full. */
export async function checkDepth(lakehouse: Lakehouse, force = false): Promise<CheckDepth> {
  const degradation = await lakehouse.degradation();
  if (degradation === null || force) return 'full';
  requireAllowed(degradation, 'validation', 'nothing is validated');
  const left = allowanceAt(degradation.level, 'validation');
  return left === 'off' ? 'basic' : left;
}

const BASIC: ReadonlySet<PlannedCheck['kind']> = new Set(['record', 'type', 'required']);

export const isChecked = ({ level, kind }: Pick<PlannedCheck, 'level' | 'kind'>, depth: CheckDepth): boolean =>
  depth === 'full' || (level === 'error' && (depth === 'core' || BASIC.has(kind)));
