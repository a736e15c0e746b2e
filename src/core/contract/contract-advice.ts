/** What a usable contract leaves unsaid. */
import type { Contract } from './contract.js';
import type { ReportProblem } from './contract-problem.js';
import type { OdcsSchemaObject } from './odcs.js';
import { SCHEMA_PATH } from './read-columns.js';

/** The contract so far, and its schema. */
interface Advised extends Pick<Contract, 'owner' | 'description' | 'columns' | 'key' | 'partition' | 'checks'> {
  readonly schema: OdcsSchemaObject;
}

/** Reports advice only. */
export function adviseContract(
  { owner, description, columns, key, partition, checks, schema }: Advised,
  report: ReportProblem,
): void {
  if (owner === null) report('advice', [], 'nobody owns the dataset: add team.name');
  if (description === '') report('advice', SCHEMA_PATH, `${schema.name} has no description`);
  if (checks.length === 0) report('advice', SCHEMA_PATH, `${schema.name} has no checks`);
  // A grain in words means that somebody thought about it.
  if (key.length === 0 && schema['dataGranularityDescription'] === undefined)
    report('advice', SCHEMA_PATH, `${schema.name} has no key (primaryKey): every event is a row of its own`);
  schema.properties.forEach((property, index) => {
    const at = [...SCHEMA_PATH, 'properties', index];
    if (!columns.some((column) => column.name === property.name)) return;
    if (property.description === undefined) report('advice', at, `column ${property.name} has no description`);
    if (!property.required && key.includes(property.name))
      report('advice', at, `the key column ${property.name} is not required`);
    if (!property.required && partition?.column === property.name)
      report('advice', at, `the partition column ${property.name} is not required`);
  });
}
