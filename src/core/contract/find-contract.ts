/** The contract of a dataset that a user named. */
import { KeystoneError } from '../errors.js';
import type { Contract } from './contract.js';

/** Throws KS_NOT_FOUND, naming the datasets that have a contract. */
export function findContract(contracts: ReadonlyMap<string, Contract>, dataset: string): Contract {
  const contract = contracts.get(dataset);
  if (contract !== undefined) return contract;
  const known = [...contracts.keys()].join(', ') || 'none';
  throw new KeystoneError('KS_NOT_FOUND', `there is no contract for the dataset "${dataset}"; there are: ${known}`, {
    hint: 'keystone contract list',
  });
}

/** What to tell when nothing of a dataset was found: null when it has a contract, and so there was just nothing. */
export function unknownDataset(contracts: ReadonlyMap<string, Contract>, dataset: string | undefined): string | null {
  if (dataset === undefined || contracts.has(dataset)) return null;
  return `there is no dataset "${dataset}"; there are: ${[...contracts.keys()].join(', ') || 'none'}`;
}
