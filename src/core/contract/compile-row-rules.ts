/** A contract's row checks → an engine's conditions over the typed columns. */
import { KeystoneError } from '../errors.js';
import { compileExpressionForAthena } from './compile-expression-athena.js';
import { compileExpressionForDuckDb } from './compile-expression-duckdb.js';
import type { Contract } from './contract.js';
import { ExpressionError } from './expression.js';
import { type ColumnTypes, checkCondition } from './expression-type.js';
import { parseExpression } from './parse-expression.js';
import type { RowRule } from './row-rule.js';

/** Which engine's SQL a rule is compiled to; Trino understands Athena's. */
export type RuleDialect = 'duckdb' | 'athena';

const COMPILERS = { duckdb: compileExpressionForDuckDb, athena: compileExpressionForAthena } as const;

/**
 * All row checks in the contract's order, warnings included. A rule fails where its expression is definitely false: a comparison
 * with null is unknown and passes, in every dialect alike. Throws KS_CONTRACT naming file, check and position.
 */
export function compileRowRules(contract: Contract, dialect: RuleDialect = 'duckdb'): readonly RowRule[] {
  const columns = columnTypes(contract);
  const rules: RowRule[] = [];
  for (const check of contract.checks) {
    if (check.kind !== 'row') continue;
    try {
      const expression = parseExpression(check.expression);
      checkCondition(expression, columns);
      rules.push({
        name: check.name,
        level: check.level,
        failsSql: `coalesce(NOT ${COMPILERS[dialect](expression, columns)}, false)`,
      });
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      throw new KeystoneError(
        'KS_CONTRACT',
        `${contract.path}: check ${check.name}: ${describeExpressionError(error, check.expression)}`,
        {
          hint: 'keystone contract lint',
          cause: error,
        },
      );
    }
  }
  return rules;
}

/** Column name → type, as the expression modules want it. */
const columnTypes = (contract: Pick<Contract, 'columns'>): ColumnTypes =>
  new Map(contract.columns.map((column) => [column.name, column.type]));

/** `expected ")", found the end, at character 12 of "price > (0"`. */
export const describeExpressionError = (error: ExpressionError, expression: string): string =>
  `${error.message}, at character ${error.at + 1} of ${JSON.stringify(expression)}`;
