/** The text of an ODCS file → a contract, with every problem at its line. Pure. */
import { createHash } from 'node:crypto';
import type { Contract } from './contract.js';
import { adviseContract } from './contract-advice.js';
import type { ContractProblem, ReportProblem } from './contract-problem.js';
import { type OdcsContract, odcsContract } from './odcs.js';
import { readChecks } from './read-checks.js';
import {
  checkCustomProperties,
  CONTRACT_NAME,
  readColumns,
  readKey,
  readPartition,
  readVersionColumn,
  SCHEMA_PATH,
} from './read-columns.js';
import { readYamlSource } from './yaml-source.js';

/** `problems` of a contract are advice only. */
export type ParsedContract =
  | { readonly kind: 'contract'; readonly contract: Contract; readonly problems: readonly ContractProblem[] }
  | { readonly kind: 'invalid'; readonly problems: readonly ContractProblem[] };

/** `path` is only named in messages and kept in the contract. */
export function parseContract(text: string, path: string): ParsedContract {
  const source = readYamlSource(text);
  const problems: ContractProblem[] = source.syntaxErrors.map((error) => ({ level: 'error', path, ...error }));
  const report: ReportProblem = (level, at, message) => {
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
  if (!CONTRACT_NAME.test(schema.name))
    report('error', [...SCHEMA_PATH, 'name'], `"${schema.name}" is no dataset name: use letters, digits and _`);

  const partition = readPartition(schema, report);
  const columns = readColumns(schema, partition !== null, report);
  if (
    partition &&
    !columns.some(
      (column) => column.name === partition.column && (column.type.kind === 'timestamp' || column.type.kind === 'date'),
    )
  ) {
    report('error', [...SCHEMA_PATH, 'properties'], `the partition column ${partition.column} is neither a timestamp nor a date`);
  }
  const checks = readChecks(schema, columns, report);
  const key = readKey(schema);
  const versionColumn = readVersionColumn(schema, columns, report);
  checkCustomProperties(schema, report);
  const owner = ownerOf(odcs);
  const description = schema.description ?? odcs.description?.purpose ?? '';
  adviseContract({ owner, description, columns, key, partition, checks, schema }, report);

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

function ownerOf(odcs: OdcsContract): string | null {
  const { team } = odcs;
  const members = Array.isArray(team) ? team : (team?.members ?? []);
  const leader = members.find((member) => member.role?.toLowerCase() === 'owner') ?? members[0];
  return (Array.isArray(team) ? undefined : team?.name) ?? leader?.name ?? leader?.username ?? odcs.support?.[0]?.channel ?? null;
}
