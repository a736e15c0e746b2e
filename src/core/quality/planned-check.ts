/**
 * Everything that a partition of a dataset is checked for: what the contract writes down, and what it implies (required columns,
 * castable values, whole records). So every quarantined row fails at least one check of the list.
 */
import { compileRowRules, type RuleDialect } from '../contract/compile-row-rules.js';
import type { CheckLevel, Contract } from '../contract/contract.js';
import { quoteIdentifier } from '../engine/sql-text.js';

/**
 * - `required`: a required or key column is null or absent (`missing:<column>`).
 * - `type`: a value does not cast to its column's type; such rows are only ever in quarantine (`bad_type:<column>`).
 * - `record`: the event as a whole is unusable (no object, a repeated JSON key, an event id that was used for other bytes).
 * - `row`, `unique`, `rowCount`: the contract's own checks.
 */
export type CheckKind = 'required' | 'type' | 'record' | 'row' | 'unique' | 'rowCount';

export interface PlannedCheck {
  readonly name: string;
  readonly level: CheckLevel;
  readonly kind: CheckKind;
  readonly columns: readonly string[];
  readonly description: string;
  /** SQL over silver's columns, true for a failing row, never null; null when no silver row can fail or no row alone decides. */
  readonly failsSql: string | null;
  /** Reject reasons that count as a failure of this check. */
  readonly reasons: readonly string[];
  /** `rowCount` only. */
  readonly rowCount: { readonly min: number | null; readonly max: number | null } | null;
}

/** In the order they are shown. Throws KS_CONTRACT when a rule cannot be compiled. */
export function planChecks(contract: Contract, dialect: RuleDialect = 'duckdb'): readonly PlannedCheck[] {
  const rules = new Map(compileRowRules(contract, dialect).map((rule) => [rule.name, rule.failsSql]));
  const required = contract.columns.filter((column) => column.required || contract.key.includes(column.name));
  const none = { description: '', failsSql: null, reasons: [], rowCount: null } as const;
  return [
    {
      ...none,
      name: 'record',
      level: 'error',
      kind: 'record',
      columns: [],
      description: 'The event is one JSON object with distinct keys, and its id was not used for other bytes',
      reasons: ['not_object', 'duplicate_json_key', 'event_id_conflict', 'unknown_dataset'],
    },
    ...required.map((column): PlannedCheck => ({
      ...none,
      name: `required:${column.name}`,
      level: 'error',
      kind: 'required',
      columns: [column.name],
      failsSql: `(${quoteIdentifier(column.name)} IS NULL)`,
      reasons: [`missing:${column.name}`],
    })),
    {
      ...none,
      name: 'types',
      level: 'error',
      kind: 'type',
      columns: contract.columns.map((column) => column.name),
      description: 'Every value has the type of its column, without losing digits',
      reasons: contract.columns.map((column) => `bad_type:${column.name}`),
    },
    ...contract.checks.map((check): PlannedCheck => ({
      ...none,
      name: check.name,
      level: check.level,
      kind: check.kind,
      columns: check.kind === 'rowCount' ? [] : check.columns,
      description: check.description,
      failsSql: rules.get(check.name) ?? null,
      reasons: check.kind === 'row' && check.level === 'error' ? [`rule:${check.name}`] : [],
      rowCount: check.kind === 'rowCount' ? { min: check.min, max: check.max } : null,
    })),
    ...impliedKeyCheck(contract),
  ];
}

/** Silver holds a key once; where the contract does not say so itself, it is checked all the same. */
function impliedKeyCheck(contract: Contract): readonly PlannedCheck[] {
  const key = contract.key.toSorted().join('\n');
  const said = contract.checks.some(
    (check) => check.kind === 'unique' && check.level === 'error' && check.columns.toSorted().join('\n') === key,
  );
  if (said || contract.key.length === 0) return [];
  return [
    {
      name: 'key',
      level: 'error',
      kind: 'unique',
      columns: contract.key,
      description: 'The key occurs once',
      failsSql: null,
      reasons: [],
      rowCount: null,
    },
  ];
}
