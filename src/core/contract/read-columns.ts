/** From the properties of an ODCS schema: columns, key, partition, version column. */
import { columnTypeOf } from './column-type.js';
import type { ContractColumn, ContractPartition } from './contract.js';
import type { ReportProblem } from './contract-problem.js';
import { customProperty, type OdcsSchemaObject } from './odcs.js';

/** Names that silver tables add to the contract's columns. */
const LINEAGE = new Set(['_topic', '_partition', '_offset', '_event_id', '_log_time']);
const PARTITION_COLUMNS = new Set(['year', 'month', 'day']);
/** Names that Athena takes unquoted, too. */
export const CONTRACT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Where the dataset stands in the file. */
export const SCHEMA_PATH = ['schema', 0] as const;
const CUSTOM_PROPERTIES = new Set(['keystone.partitionTransform', 'keystone.trim', 'keystone.versionColumn']);

/** The columns whose types are usable; every other fault is reported. */
export function readColumns(schema: OdcsSchemaObject, partitioned: boolean, report: ReportProblem): readonly ContractColumn[] {
  const columns: ContractColumn[] = [];
  const seen = new Set<string>();
  schema.properties.forEach((property, index) => {
    const at = [...SCHEMA_PATH, 'properties', index];
    const folded = property.name.toLowerCase();
    if (!CONTRACT_NAME.test(property.name))
      report('error', [...at, 'name'], `"${property.name}" is no column name: use letters, digits and _`);
    else if (LINEAGE.has(folded))
      report('error', [...at, 'name'], `the column name ${property.name} is taken by silver's lineage`);
    else if (partitioned && PARTITION_COLUMNS.has(folded))
      report('error', [...at, 'name'], `the column name ${property.name} is taken by silver's partition columns`);
    if (seen.has(folded))
      report('error', [...at, 'name'], `the column ${property.name} occurs twice (engines do not tell upper from lower case)`);
    seen.add(folded);
    const outcome = columnTypeOf(property);
    if (outcome.kind === 'unusable') {
      report(
        'error',
        property.physicalType === undefined ? at : [...at, 'physicalType'],
        `column ${property.name}: ${outcome.reason}`,
      );
      return;
    }
    columns.push({
      name: property.name,
      type: outcome.type,
      required: property.required,
      trim: customProperty(property, 'keystone.trim') === true,
      description: property.description ?? '',
    });
    const unchecked = Object.keys(property.logicalTypeOptions ?? {}).filter(
      (option) => !['format', 'timezone', 'defaultTimezone'].includes(option),
    );
    if (unchecked.length > 0) {
      report(
        'advice',
        [...at, 'logicalTypeOptions'],
        `column ${property.name}: logicalTypeOptions ${unchecked.join(', ')} is not checked: write a quality entry`,
      );
    }
  });
  if (schema.properties.length === 0)
    report('error', [...SCHEMA_PATH, 'properties'], `${schema.name} has no columns (properties)`);
  return columns;
}

/** null when not partitioned, or when the fault was reported. */
export function readPartition(schema: OdcsSchemaObject, report: ReportProblem): ContractPartition | null {
  const partitioned = schema.properties.flatMap((property, index) => (property.partitioned ? [{ property, index }] : []));
  const [first, second] = partitioned;
  if (first === undefined) return null;
  if (second)
    report('error', [...SCHEMA_PATH, 'properties', second.index, 'partitioned'], 'a dataset is partitioned by one column');
  const transform = customProperty(first.property, 'keystone.partitionTransform');
  if (transform !== 'day' && transform !== 'month') {
    report(
      'error',
      [...SCHEMA_PATH, 'properties', first.index],
      `column ${first.property.name}: a partition needs the custom property keystone.partitionTransform: day or month`,
    );
    return null;
  }
  return { column: first.property.name, transform };
}

/** By primaryKeyPosition; columns without one follow in file order. */
export const readKey = (schema: OdcsSchemaObject): readonly string[] =>
  schema.properties
    .filter((property) => property.primaryKey)
    .map((property) => ({
      name: property.name,
      position: property.primaryKeyPosition > 0 ? property.primaryKeyPosition : Number.MAX_SAFE_INTEGER,
    }))
    .toSorted((a, b) => a.position - b.position)
    .map((property) => property.name);

/** null when there is none, or when the fault was reported. */
export function readVersionColumn(
  schema: OdcsSchemaObject,
  columns: readonly ContractColumn[],
  report: ReportProblem,
): string | null {
  const name = customProperty(schema, 'keystone.versionColumn');
  if (name === undefined) return null;
  const column = columns.find((candidate) => candidate.name === name);
  if (column === undefined || column.type.kind === 'string' || column.type.kind === 'boolean') {
    report(
      'error',
      [...SCHEMA_PATH, 'customProperties'],
      `keystone.versionColumn ${JSON.stringify(name)} is no number, date or timestamp column of ${schema.name}`,
    );
    return null;
  }
  return column.name;
}

/** Reports custom properties that look like ours and are not. */
export function checkCustomProperties(schema: OdcsSchemaObject, report: ReportProblem): void {
  const check = (
    owner: { readonly customProperties?: readonly { readonly property: string }[] | undefined },
    at: readonly (string | number)[],
  ): void => {
    owner.customProperties?.forEach(({ property }, index) => {
      if (property.startsWith('keystone.') && !CUSTOM_PROPERTIES.has(property)) {
        report(
          'error',
          [...at, 'customProperties', index],
          `there is no custom property ${property}; known are ${[...CUSTOM_PROPERTIES].join(', ')}`,
        );
      }
    });
  };
  check(schema, SCHEMA_PATH);
  schema.properties.forEach((property, index) => check(property, [...SCHEMA_PATH, 'properties', index]));
}
