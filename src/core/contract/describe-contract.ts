/** Contracts as `contract list` and `contract show` tell them. */
import type { CheckLevel, ColumnType, Contract, ContractCheck } from './contract.js';

export interface ContractSummary {
  readonly dataset: string;
  readonly version: string;
  readonly owner: string | null;
  readonly columns: number;
  readonly key: string;
  /** e.g. `day(order_purchase_timestamp)`; empty when not partitioned. */
  readonly partition: string;
  readonly errorChecks: number;
  readonly warningChecks: number;
  readonly path: string;
}

export interface ColumnDescription {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  /** 1-based place in the key, null outside it. */
  readonly key: number | null;
  readonly trim: boolean;
  readonly description: string;
}

export interface CheckDescription {
  readonly name: string;
  readonly level: CheckLevel;
  readonly kind: ContractCheck['kind'];
  readonly columns: readonly string[];
  /** What must hold, e.g. `price > 0`, `unique (order_id)`, `rows between 1 and 10`. */
  readonly rule: string;
  readonly description: string;
}

export interface ContractDescription extends Omit<ContractSummary, 'columns' | 'key'> {
  readonly description: string;
  readonly hash: string;
  readonly key: readonly string[];
  readonly versionColumn: string | null;
  readonly columns: readonly ColumnDescription[];
  readonly checks: readonly CheckDescription[];
}

export function summarizeContract(contract: Contract): ContractSummary {
  const count = (level: CheckLevel): number => contract.checks.filter((check) => check.level === level).length;
  return {
    dataset: contract.dataset,
    version: contract.version,
    owner: contract.owner,
    columns: contract.columns.length,
    key: contract.key.join(', '),
    partition: contract.partition ? `${contract.partition.transform}(${contract.partition.column})` : '',
    errorChecks: count('error'),
    warningChecks: count('warning'),
    path: contract.path,
  };
}

export function describeContract(contract: Contract): ContractDescription {
  return {
    ...summarizeContract(contract),
    description: contract.description,
    hash: contract.hash,
    key: contract.key,
    versionColumn: contract.versionColumn,
    columns: contract.columns.map((column) => ({
      name: column.name,
      type: typeText(column.type),
      required: column.required,
      key: contract.key.includes(column.name) ? contract.key.indexOf(column.name) + 1 : null,
      trim: column.trim,
      description: column.description,
    })),
    checks: contract.checks.map((check) => ({
      name: check.name,
      level: check.level,
      kind: check.kind,
      columns: check.kind === 'rowCount' ? [] : check.columns,
      rule: ruleText(check),
      description: check.description,
    })),
  };
}

const typeText = (type: ColumnType): string => (type.kind === 'decimal' ? `decimal(${type.precision},${type.scale})` : type.kind);

function ruleText(check: ContractCheck): string {
  switch (check.kind) {
    case 'row':
      return check.expression;
    case 'unique':
      return `unique (${check.columns.join(', ')})`;
    case 'rowCount':
      if (check.min === check.max) return `${check.min} rows`;
      if (check.max === null) return `at least ${check.min} rows`;
      return check.min === null ? `at most ${check.max} rows` : `${check.min} to ${check.max} rows`;
  }
}
