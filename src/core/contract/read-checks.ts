/** From the quality entries of an ODCS schema and its properties to the contract's checks. */
import { describeExpressionError } from './compile-row-rules.js';
import type { ContractCheck, ContractColumn } from './contract.js';
import type { ReportProblem } from './contract-problem.js';
import { ExpressionError } from './expression.js';
import { checkCondition } from './expression-type.js';
import type { OdcsQuality, OdcsSchemaObject } from './odcs.js';
import { parseExpression } from './parse-expression.js';
import { SCHEMA_PATH } from './read-columns.js';
import { readQuality } from './read-quality.js';
import type { YamlPath } from './yaml-source.js';

/** Names of the checks that every validation makes. */
const IMPLIED_CHECKS = new Set(['record', 'types', 'key']);

/** In file order, those of the columns first; whatever cannot be a check is reported. */
export function readChecks(
  schema: OdcsSchemaObject,
  columns: readonly ContractColumn[],
  report: ReportProblem,
): readonly ContractCheck[] {
  const checks: ContractCheck[] = [];
  const types = new Map(columns.map((column) => [column.name, column.type]));
  const add = (check: ContractCheck, at: YamlPath): void => {
    if (IMPLIED_CHECKS.has(check.name))
      report('error', at, `the check name ${check.name} is taken: Keystone makes a check of that name itself`);
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
    const at = [...SCHEMA_PATH, 'properties', index];
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
  read(schema.quality, null, SCHEMA_PATH);
  return checks;
}
