/** Reads the contracts folder: every `*.odcs.yaml` in it is one dataset's contract. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError } from '../errors.js';
import type { Contract } from './contract.js';
import { contractError, type ContractProblem } from './contract-problem.js';
import { type ParsedContract, parseContract } from './parse-contract.js';

/** `parsed` files in order of their names, and what is wrong between them. */
export interface ContractFolder {
  readonly files: readonly { readonly path: string; readonly parsed: ParsedContract }[];
  readonly problems: readonly ContractProblem[];
}

/** Dataset → contract, ordered by file name. Throws KS_CONTRACT listing every error of every file with its line. */
export async function loadContracts(dir: string): Promise<ReadonlyMap<string, Contract>> {
  const folder = await readContractFolder(dir);
  if (folder.problems.some((problem) => problem.level === 'error')) throw contractError(folder.problems);
  return new Map(
    folder.files.flatMap(({ parsed }) =>
      parsed.kind === 'contract' ? [[parsed.contract.dataset, parsed.contract] as const] : [],
    ),
  );
}

/** Everything that can be said about the folder's files, without throwing for their faults. Throws KS_CONTRACT when it cannot be read. */
export async function readContractFolder(dir: string): Promise<ContractFolder> {
  const names = await readdir(dir).catch((cause: unknown) => {
    throw new KeystoneError('KS_CONTRACT', `the contracts folder ${dir} cannot be read`, { hint: 'keystone init', cause });
  });
  const files: { readonly path: string; readonly parsed: ParsedContract }[] = [];
  const problems: ContractProblem[] = [];
  const owners = new Map<string, string>();
  for (const name of names.filter((candidate) => candidate.endsWith('.odcs.yaml')).toSorted()) {
    const file = path.join(dir, name);
    const parsed = decode(await readFile(file), file);
    files.push({ path: file, parsed });
    problems.push(...parsed.problems);
    if (parsed.kind !== 'contract') continue;
    // Tables are found by name in engines and file systems that do not tell upper from lower case.
    const dataset = parsed.contract.dataset.toLowerCase();
    const other = owners.get(dataset);
    if (other === undefined) owners.set(dataset, name);
    else
      problems.push({
        level: 'error',
        path: file,
        line: 1,
        column: 1,
        message: `the dataset ${parsed.contract.dataset} has a contract already, in ${other}`,
      });
  }
  return { files, problems };
}

function decode(bytes: Uint8Array, file: string): ParsedContract {
  try {
    return parseContract(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), file);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { kind: 'invalid', problems: [{ level: 'error', path: file, line: 1, column: 1, message: 'the file is not UTF-8' }] };
  }
}
