/** `contract lint`: everything that is wrong with the contracts, and what they leave unsaid. */
import type { ContractProblem } from './contract-problem.js';
import { readContractFolder } from './load-contracts.js';

export interface ContractLint {
  readonly files: number;
  readonly errors: number;
  readonly advice: number;
  /** Errors first, then by file and line. */
  readonly problems: readonly ContractProblem[];
}

/** Throws KS_CONTRACT only when the folder cannot be read. */
export async function lintContracts(dir: string): Promise<ContractLint> {
  const { files, problems } = await readContractFolder(dir);
  const count = (level: ContractProblem['level']): number => problems.filter((problem) => problem.level === level).length;
  const sorted = problems.toSorted(
    (a, b) => rank(a) - rank(b) || a.path.localeCompare(b.path) || a.line - b.line || a.column - b.column,
  );
  return { files: files.length, errors: count('error'), advice: count('advice'), problems: sorted };
}

const rank = (problem: ContractProblem): number => (problem.level === 'error' ? 0 : 1);
