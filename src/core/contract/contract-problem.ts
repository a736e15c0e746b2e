/** One thing that is wrong with a contract file, at its place in the file. */
import { KeystoneError } from '../errors.js';
import type { YamlPath } from './yaml-source.js';

/** `error`: the contract cannot be used. `advice`: it can, and something is left unsaid or unchecked. */
export interface ContractProblem {
  readonly level: 'error' | 'advice';
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  readonly message: string;
}

/** `contracts/orders.odcs.yaml:12:7: …`, the form that editors and terminals turn into a link. */
const describeProblem = (problem: ContractProblem): string =>
  `${problem.path}:${problem.line}:${problem.column}: ${problem.message}`;

/** KS_CONTRACT with the first error in the message and all of them in `details.problems`. */
export function contractError(problems: readonly ContractProblem[]): KeystoneError {
  const errors = problems.filter((problem) => problem.level === 'error');
  const texts = errors.map(describeProblem);
  const more = texts.length > 1 ? ` (and ${texts.length - 1} more)` : '';
  return new KeystoneError('KS_CONTRACT', `${texts[0] ?? 'the contract is invalid'}${more}`, {
    hint: 'keystone contract lint',
    details: { problems: texts },
  });
}

/** Notes a problem at a node of the file. */
export type ReportProblem = (level: ContractProblem['level'], at: YamlPath, message: string) => void;
