/** What a CSV file's header says about whether its rows can fit the dataset's contract: told before thousands of rows are rejected. */
import type { Contract } from '../../contract/contract.js';
import { nearestName } from '../../nearest-name.js';

/** Separators of other dialects, as a header of one cell betrays them. */
const OTHER_SEPARATORS: readonly (readonly [separator: string, name: string])[] = [
  [';', 'semicolons'],
  ['\t', 'tabs'],
  ['|', 'vertical bars'],
];

/** Null when every column that the contract needs is there, or there is no contract; `columns` are the header's names, `source` the file's. */
export function headerWarning(columns: readonly string[], contract: Contract | undefined, source: string): string | null {
  if (!contract) return null;
  const given = new Set(columns);
  const [only] = columns;
  const other = columns.length === 1 ? OTHER_SEPARATORS.find(([separator]) => only?.includes(separator)) : undefined;
  if (other) return `${source}: the header is one cell; the file seems to be separated by ${other[1]}, where CSV has commas`;
  if (!contract.columns.some(({ name }) => given.has(name))) {
    const known = contract.columns.map(({ name }) => name).join(', ');
    return `${source}: the header shares no column with the contract ${contract.dataset} (${known})`;
  }
  const missing = contract.columns.filter(({ name, required }) => (required || contract.key.includes(name)) && !given.has(name));
  if (missing.length === 0) return null;
  const unknown = columns.filter((column) => !contract.columns.some(({ name }) => name === column));
  const named = missing.map(({ name }) => {
    const near = nearestName(name, unknown);
    return near === undefined ? name : `${name} (is it ${JSON.stringify(near)}?)`;
  });
  return `${source}: the header lacks what the contract ${contract.dataset} needs of each row: ${named.join(', ')}`;
}

/** Null when the dataset has a contract. */
export function datasetWarning(dataset: string, contracts: ReadonlyMap<string, Contract>): string | null {
  if (contracts.has(dataset)) return null;
  const near = nearestName(dataset, contracts.keys());
  const meant = near === undefined ? '' : `; did you mean ${near}?`;
  return `there is no contract for the dataset ${dataset}: its events go to quarantine as unknown_dataset${meant}`;
}
