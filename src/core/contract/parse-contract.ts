/** The text of an ODCS file → a contract, with every problem at its line. Pure. */
import { createHash } from 'node:crypto';
import { columnTypeOf } from './column-type.js';
import { describeExpressionError } from './compile-row-rules.js';
import type { Contract, ContractCheck, ContractColumn, ContractPartition } from './contract.js';
import type { ContractProblem } from './contract-problem.js';
import { ExpressionError } from './expression.js';
import { checkCondition } from './expression-type.js';
import { customProperty, type OdcsContract, odcsContract, type OdcsQuality, type OdcsSchemaObject } from './odcs.js';
import { parseExpression } from './parse-expression.js';
import { readQuality } from './read-quality.js';
import { readYamlSource, type YamlPath } from './yaml-source.js';

/** `problems` of a contract are advice only. */
export type ParsedContract =
  | { readonly kind: 'contract'; readonly contract: Contract; readonly problems: readonly ContractProblem[] }
  | { readonly kind: 'invalid'; readonly problems: readonly ContractProblem[] };

/** Names that silver tables add to the contract's columns. */
const LINEAGE = new Set(['_topic', '_partition', '_offset', '_event_id', '_log_time']);
const PARTITION_COLUMNS = new Set(['year', 'month', 'day']);
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const CUSTOM_PROPERTIES = new Set(['keystone.partitionTransform', 'keystone.trim', 'keystone.versionColumn']);
const SCHEMA: YamlPath = ['schema', 0];

/** `path` is only named in messages and kept in the contract. */
export function parseContract(text: string, path: string): ParsedContract {
  const source = readYamlSource(text);
  const problems: ContractProblem[] = source.syntaxErrors.map((error) => ({ level: 'error', path, ...error }));
  const report = (level: ContractProblem['level'], at: YamlPath, message: string): void => {
    problems.push({ level, path, ...source.positionOf(at), message });
  };
  if (problems.length > 0) return { kind: 'invalid', problems };

  const shape = odcsContract.safeParse(source.value);
  if (!shape.success) {
    for (const issue of shape.error.issues) {
      report(
        'error',
        issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key)),
        `${issue.path.join('.') || 'the file'}: ${issue.message}`,
      );
    }
    return { kind: 'invalid', problems };
  }
  const odcs = shape.data;
  const schema = odcs.schema[0];
  if (schema === undefined) {
    report('error', ['schema'], 'schema is empty: Keystone needs the one dataset that the contract is about');
    return { kind: 'invalid', problems };
  }
  if (odcs.schema.length > 1) {
    report('error', ['schema', 1], `schema names ${odcs.schema.length} datasets: Keystone reads one contract file per dataset`);
  }
  if (!NAME.test(schema.name))
    report('error', [...SCHEMA, 'name'], `"${schema.name}" is no dataset name: use letters, digits and _`);

  const partition = readPartition(schema, report);
  const columns = readColumns(schema, partition !== null, report);
  if (
    partition &&
    !columns.some(
      (column) => column.name === partition.column && (column.type.kind === 'timestamp' || column.type.kind === 'date'),
    )
  ) {
    report('error', [...SCHEMA, 'properties'], `the partition column ${partition.column} is neither a timestamp nor a date`);
  }
  const checks = readChecks(schema, columns, report);
  const key = readKey(schema);
  const versionColumn = readVersionColumn(schema, columns, report);
  checkCustomProperties(schema, report);
  const owner = ownerOf(odcs);
  const description = schema.description ?? odcs.description?.purpose ?? '';
  advise({ owner, description, columns, key, partition, checks, schema }, report);

  if (problems.some((problem) => problem.level === 'error')) return { kind: 'invalid', problems };
  const hash = createHash('sha256').update(text, 'utf8').digest('hex');
  const contract = {
    dataset: schema.name,
    version: odcs.version,
    description,
    owner,
    columns,
    key,
    versionColumn,
    partition,
    checks,
    hash,
    path,
  };
  return { kind: 'contract', contract, problems };
}

type Report = (level: ContractProblem['level'], at: YamlPath, message: string) => void;

function readColumns(schema: OdcsSchemaObject, partitioned: boolean, report: Report): readonly ContractColumn[] {
  const columns: ContractColumn[] = [];
  const seen = new Set<string>();
  schema.properties.forEach((property, index) => {
    const at = [...SCHEMA, 'properties', index];
    const folded = property.name.toLowerCase();
    if (!NAME.test(property.name))
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
  if (schema.properties.length === 0) report('error', [...SCHEMA, 'properties'], `${schema.name} has no columns (properties)`);
  return columns;
}

function readPartition(schema: OdcsSchemaObject, report: Report): ContractPartition | null {
  const partitioned = schema.properties.flatMap((property, index) => (property.partitioned ? [{ property, index }] : []));
  const [first, second] = partitioned;
  if (first === undefined) return null;
  if (second) report('error', [...SCHEMA, 'properties', second.index, 'partitioned'], 'a dataset is partitioned by one column');
  const transform = customProperty(first.property, 'keystone.partitionTransform');
  if (transform !== 'day' && transform !== 'month') {
    report(
      'error',
      [...SCHEMA, 'properties', first.index],
      `column ${first.property.name}: a partition needs the custom property keystone.partitionTransform: day or month`,
    );
    return null;
  }
  return { column: first.property.name, transform };
}

/** By primaryKeyPosition; columns without one follow in file order. */
const readKey = (schema: OdcsSchemaObject): readonly string[] =>
  schema.properties
    .filter((property) => property.primaryKey)
    .map((property) => ({
      name: property.name,
      position: property.primaryKeyPosition > 0 ? property.primaryKeyPosition : Number.MAX_SAFE_INTEGER,
    }))
    .toSorted((a, b) => a.position - b.position)
    .map((property) => property.name);

function readVersionColumn(schema: OdcsSchemaObject, columns: readonly ContractColumn[], report: Report): string | null {
  const name = customProperty(schema, 'keystone.versionColumn');
  if (name === undefined) return null;
  const column = columns.find((candidate) => candidate.name === name);
  if (column === undefined || column.type.kind === 'string' || column.type.kind === 'boolean') {
    report(
      'error',
      [...SCHEMA, 'customProperties'],
      `keystone.versionColumn ${JSON.stringify(name)} is no number, date or timestamp column of ${schema.name}`,
    );
    return null;
  }
  return column.name;
}

function readChecks(schema: OdcsSchemaObject, columns: readonly ContractColumn[], report: Report): readonly ContractCheck[] {
  const checks: ContractCheck[] = [];
  const types = new Map(columns.map((column) => [column.name, column.type]));
  const add = (check: ContractCheck, at: YamlPath): void => {
    if (checks.some((other) => other.name === check.name))
      report('error', at, `check ${check.name} occurs twice: give one of them another name`);
    const unknown = check.kind === 'unique' ? check.columns.find((name) => !types.has(name)) : undefined;
    if (unknown !== undefined) report('error', at, `check ${check.name}: there is no column "${unknown}"`);
    if (check.kind === 'row') {
      try {
        checkCondition(parseExpression(check.expression), types);
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        report('error', at, `check ${check.name}: ${describeExpressionError(error, check.expression)}`);
      }
    }
    checks.push(check);
  };
  const read = (entries: readonly OdcsQuality[], column: ContractColumn | null, base: YamlPath): void => {
    entries.forEach((quality, index) => {
      const at = [...base, 'quality', index];
      const outcome = readQuality(quality, column);
      if (outcome.kind === 'unusable') report('error', outcome.at === undefined ? at : [...at, outcome.at], outcome.reason);
      else for (const advice of outcome.advice) report('advice', at, advice);
      if (outcome.kind === 'check') add(outcome.check, quality.implementation === undefined ? at : [...at, 'implementation']);
    });
  };
  schema.properties.forEach((property, index) => {
    const at = [...SCHEMA, 'properties', index];
    const column = columns.find((candidate) => candidate.name === property.name);
    if (column === undefined) return; // its type is a problem already
    if (property.unique) {
      add(
        {
          kind: 'unique',
          name: `${property.name.toLowerCase()}_unique`,
          level: 'error',
          description: '',
          columns: [property.name],
        },
        [...at, 'unique'],
      );
    }
    read(property.quality, column, at);
  });
  read(schema.quality, null, SCHEMA);
  return checks;
}

function checkCustomProperties(schema: OdcsSchemaObject, report: Report): void {
  const check = (
    owner: { readonly customProperties?: readonly { readonly property: string }[] | undefined },
    at: YamlPath,
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
  check(schema, SCHEMA);
  schema.properties.forEach((property, index) => check(property, [...SCHEMA, 'properties', index]));
}

function ownerOf(odcs: OdcsContract): string | null {
  const { team } = odcs;
  const members = Array.isArray(team) ? team : (team?.members ?? []);
  const leader = members.find((member) => member.role?.toLowerCase() === 'owner') ?? members[0];
  return (Array.isArray(team) ? undefined : team?.name) ?? leader?.name ?? leader?.username ?? odcs.support?.[0]?.channel ?? null;
}

interface Advised extends Pick<Contract, 'owner' | 'description' | 'columns' | 'key' | 'partition' | 'checks'> {
  readonly schema: OdcsSchemaObject;
}

function advise({ owner, description, columns, key, partition, checks, schema }: Advised, report: Report): void {
  if (owner === null) report('advice', [], 'nobody owns the dataset: add team.name');
  if (description === '') report('advice', SCHEMA, `${schema.name} has no description`);
  if (checks.length === 0) report('advice', SCHEMA, `${schema.name} has no checks`);
  if (key.length === 0) report('advice', SCHEMA, `${schema.name} has no key (primaryKey): every event is a row of its own`);
  schema.properties.forEach((property, index) => {
    const at = [...SCHEMA, 'properties', index];
    if (!columns.some((column) => column.name === property.name)) return;
    if (property.description === undefined) report('advice', at, `column ${property.name} has no description`);
    if (!property.required && key.includes(property.name))
      report('advice', at, `the key column ${property.name} is not required`);
    if (!property.required && partition?.column === property.name)
      report('advice', at, `the partition column ${property.name} is not required`);
  });
}
