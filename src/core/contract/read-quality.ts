/** One ODCS quality entry → a check, in Keystone's own terms, or why it cannot be one. */
import type { CheckLevel, ContractCheck, ContractColumn } from './contract.js';
import { columnsOf, type Expression, ExpressionError, type Literal } from './expression.js';
import { parseExpression } from './parse-expression.js';
import { printExpression } from './print-expression.js';
import type { OdcsQuality } from './odcs.js';

export type QualityOutcome =
  | { readonly kind: 'check'; readonly check: ContractCheck; readonly advice: readonly string[] }
  /** For people or for other tools; `advice` says so. */
  | { readonly kind: 'other'; readonly advice: readonly string[] }
  | { readonly kind: 'unusable'; readonly reason: string; readonly at?: 'implementation' | 'severity' | 'metric' };

const unusable = (reason: string, at?: 'implementation' | 'severity' | 'metric'): QualityOutcome => ({
  kind: 'unusable',
  reason,
  ...(at === undefined ? {} : { at }),
});

/** `column` is the property that the entry stands under, null for the schema's own entries. */
export function readQuality(quality: OdcsQuality, column: ContractColumn | null): QualityOutcome {
  const type = quality.type ?? (quality.metric === undefined ? 'text' : 'library');
  const label = quality.name ?? quality.description ?? quality.metric ?? type;
  if (type === 'text')
    return { kind: 'other', advice: quality.type === 'text' ? [] : [`"${label}" has no type and no metric: nothing checks it`] };
  if (type === 'sql')
    return unusable('checks of type sql are bound to one engine: write a row expression (type: custom, engine: keystone)');
  if (type === 'custom' && quality.engine !== 'keystone') {
    return { kind: 'other', advice: [`"${label}" is run by ${quality.engine ?? 'no engine'}, not by Keystone`] };
  }
  const severity = quality.severity?.toLowerCase();
  if (severity !== undefined && !['error', 'warning', 'info'].includes(severity)) {
    return unusable(`severity "${quality.severity}" is neither error nor warning`, 'severity');
  }
  const level: CheckLevel = severity === 'warning' || severity === 'info' ? 'warning' : 'error';
  const name = checkName(quality, column);
  if (name === '') return unusable('the check needs a name');
  const common = { name, level, description: quality.description ?? '' };
  const advice = severity === undefined ? [`check ${name} has no severity: it counts as error`] : [];
  if (type === 'custom') {
    if (typeof quality.implementation !== 'string')
      return unusable('implementation must be a row expression such as "price > 0"', 'implementation');
    const expression = quality.implementation.trim();
    try {
      return {
        kind: 'check',
        check: { ...common, kind: 'row', expression, columns: columnsOf(parseExpression(expression)) },
        advice,
      };
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      return unusable(
        `check ${name}: ${error.message}, at character ${error.at + 1} of ${JSON.stringify(expression)}`,
        'implementation',
      );
    }
  }
  return libraryCheck(quality, column, common, advice);
}

/** The entry's name in the form that reject reasons use (`rule:price_positive`), or one made of column and metric. */
const checkName = (quality: OdcsQuality, column: ContractColumn | null): string =>
  (quality.name ?? [column?.name, quality.metric].filter((part) => part !== undefined).join(' '))
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');

type Common = Pick<ContractCheck, 'name' | 'level' | 'description'>;

function libraryCheck(
  quality: OdcsQuality,
  column: ContractColumn | null,
  common: Common,
  advice: readonly string[],
): QualityOutcome {
  if (quality.metric === 'rowCount') return rowCount(quality, common, advice);
  const tolerance = demandsNone(quality);
  if (!tolerance) {
    return unusable(
      `check ${common.name}: a share of failing rows cannot be tolerated: write mustBe: 0, with severity: warning where that is too hard`,
    );
  }
  if (quality.metric === 'duplicateValues') {
    const named = quality.arguments?.['properties'];
    const columns = Array.isArray(named) ? named.map(String) : column === null ? [] : [column.name];
    if (columns.length === 0) return unusable(`check ${common.name}: arguments.properties must name the columns`);
    return { kind: 'check', check: { ...common, kind: 'unique', columns }, advice };
  }
  if (column === null) return unusable(`check ${common.name}: ${quality.metric} belongs under a column`, 'metric');
  const condition = columnCondition(quality, column);
  if (typeof condition === 'string') return unusable(`check ${common.name}: ${condition}`);
  return {
    kind: 'check',
    check: { ...common, kind: 'row', expression: printExpression(condition), columns: [column.name] },
    advice,
  };
}

/** Whether the operator says "no row may fail", in any of its ways. */
const demandsNone = (quality: OdcsQuality): boolean =>
  quality.mustBe === 0 || quality.mustBeLessOrEqualTo === 0 || (quality.mustBeLessThan === 1 && quality.unit !== 'percent');

/** The condition that a good row meets, or what the arguments lack. */
function columnCondition(quality: OdcsQuality, column: ContractColumn): Expression | string {
  const given: Readonly<Record<string, unknown>> = quality.arguments ?? {};
  const operand: Expression = { kind: 'column', name: column.name, at: 0 };
  const notNull: Expression = { kind: 'isNull', operand, negated: true, at: 0 };
  if (quality.metric === 'nullValues') return notNull;
  const literals = (values: readonly unknown[]): readonly Literal[] | string => {
    const made = values.map((value) => literalFor(value, column));
    return made.find((literal) => typeof literal === 'string') ?? (made as readonly Literal[]);
  };
  if (quality.metric === 'missingValues') {
    const listed = given['missingValues'];
    if (!Array.isArray(listed)) return 'arguments.missingValues must list the values that mean "missing"';
    // An empty text is null in silver, so both mean the same.
    const others = literals(listed.filter((value) => value !== null && value !== ''));
    if (typeof others === 'string') return others;
    const notListed: Expression | null =
      others.length === 0 ? null : { kind: 'in', operand, values: others, negated: true, at: 0 };
    if (others.length === listed.length) return notListed ?? 'arguments.missingValues is empty';
    return notListed === null ? notNull : { kind: 'and', left: notNull, right: notListed, at: 0 };
  }
  const conditions: Expression[] = [];
  if (given['validValues'] !== undefined) {
    if (!Array.isArray(given['validValues'])) return 'arguments.validValues must be a list';
    const values = literals(given['validValues'].filter((value) => value !== null && value !== ''));
    if (typeof values === 'string') return values;
    if (values.length === 0) return 'arguments.validValues is empty';
    conditions.push({ kind: 'in', operand, values, negated: false, at: 0 });
  }
  if (given['pattern'] !== undefined)
    conditions.push({ kind: 'matches', operand, pattern: String(given['pattern']), negated: false, at: 0 });
  for (const [argument, operator] of [
    ['min', '>='],
    ['max', '<='],
  ] as const) {
    if (given[argument] === undefined) continue;
    const bound = literalFor(given[argument], column);
    if (typeof bound === 'string') return bound;
    const right: Expression = bound.value.startsWith('-')
      ? { kind: 'negate', operand: { ...bound, value: bound.value.slice(1) }, at: 0 }
      : bound;
    conditions.push({ kind: 'compare', operator, left: operand, right, at: 0 });
  }
  if (conditions.length === 0) return 'arguments need validValues, pattern, min or max';
  return conditions.reduce((left, right) => ({ kind: 'and', left, right, at: 0 }));
}

const literal = (type: Literal['type'], text: string): Literal => ({ kind: 'literal', type, value: text, at: 0 });

/** A YAML value as a literal of the column's type; a text says why not. */
function literalFor(value: unknown, column: ContractColumn): Literal | string {
  switch (column.type.kind) {
    case 'string':
      return typeof value === 'string'
        ? literal('text', value)
        : `${JSON.stringify(value)} must be in quotes: ${column.name} is a text`;
    case 'boolean':
      return typeof value === 'boolean' ? literal('boolean', String(value)) : `${JSON.stringify(value)} is no boolean`;
    case 'date':
      return literal('date', String(value));
    case 'timestamp':
      return literal(/^\d{4}-\d{2}-\d{2}$/.test(String(value)) ? 'date' : 'timestamp', String(value));
    default:
      return /^-?\d+(\.\d+)?$/.test(String(value))
        ? literal('number', String(value))
        : `${JSON.stringify(value)} is no plain number`;
  }
}

function rowCount(quality: OdcsQuality, common: Common, advice: readonly string[]): QualityOutcome {
  if (quality.unit === 'percent') return unusable(`check ${common.name}: rows are counted, not measured in percent`);
  const bounds = rowCountBounds(quality);
  if (bounds === null) return unusable(`check ${common.name}: rowCount needs mustBe, mustBeBetween, or a lower or upper bound`);
  return { kind: 'check', check: { ...common, kind: 'rowCount', ...bounds }, advice };
}

function rowCountBounds(quality: OdcsQuality): { readonly min: number | null; readonly max: number | null } | null {
  if (typeof quality.mustBe === 'number') return { min: quality.mustBe, max: quality.mustBe };
  if (quality.mustBeBetween) return { min: quality.mustBeBetween[0], max: quality.mustBeBetween[1] };
  if (quality.mustBeGreaterThan !== undefined) return { min: Math.floor(quality.mustBeGreaterThan) + 1, max: null };
  if (quality.mustBeGreaterOrEqualTo !== undefined) return { min: quality.mustBeGreaterOrEqualTo, max: null };
  if (quality.mustBeLessThan !== undefined) return { min: null, max: Math.ceil(quality.mustBeLessThan) - 1 };
  if (quality.mustBeLessOrEqualTo !== undefined) return { min: null, max: quality.mustBeLessOrEqualTo };
  return null;
}
