/**
 * A gold model: one query, and a header comment that says its grain, its inputs and, when it is partitioned, which partitions a
 * change of an input touches.
 *
 *     -- One sold item of an order.                                  (the description: everything before the first key)
 *     -- grain: order_id, order_item_id
 *     -- inputs: silver.order_items, silver.orders
 *     -- partition: month(purchase_date)
 *     -- affected by silver.orders: SELECT order_purchase_timestamp FROM changed
 *
 * `affected by` queries give dates of the model's partition column; `changed` holds the input's rows that came or went. An input
 * without one rebuilds the model whole. Lines that go on are indented.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { KeystoneError } from '../errors.js';
import type { PartitionField, TableName } from '../table/table-api.js';
import { lintModelSql, type LintProblem } from './lint-model.js';

export interface Model {
  /** `gold.<file name>`. */
  readonly name: TableName;
  readonly path: string;
  readonly description: string;
  /** Columns whose values name a row; no two rows share them. */
  readonly grain: readonly string[];
  readonly inputs: readonly TableName[];
  readonly partition: PartitionField | null;
  /** Input → SQL that gives the partition column's dates which a change of the input touches. */
  readonly affectedBy: ReadonlyMap<TableName, string>;
  /** The query, references resolved. */
  readonly sql: string;
  /** The same texts with their references unresolved, for engines that read tables at a snapshot. */
  readonly source: { readonly sql: string; readonly affectedBy: ReadonlyMap<TableName, string> };
  /** sha-256 (hex) of the file: another text means a whole rebuild. */
  readonly hash: string;
}

const REFERENCE = /\{\{\s*ref\(\s*'([a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*)'\s*\)\s*\}\}/g;
const KEY = /^(grain|inputs|partition|affected by ([a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*)):\s*(.*)$/;
const PARTITION = /^(year|month|day)\(([a-z_][a-z0-9_]*)\)$/;

/** `{{ ref('silver.orders') }}` → what stands for the table; by default its name, under which views stand for the tables. */
export const resolveReferences = (sql: string, relation: (name: TableName) => string = (name) => name): string =>
  sql.replaceAll(REFERENCE, (_, name: TableName) => relation(name));

/** Throws KS_MODEL naming file and line. */
export function parseModel(text: string, file: string): Model {
  const header = readHeader(text, file);
  const body = text.split('\n').slice(header.lines).join('\n');
  const problems: LintProblem[] = lintModelSql(maskReferences(body)).map((problem) => ({
    ...problem,
    line: problem.line + header.lines,
  }));
  const references = [...new Set([...body.matchAll(REFERENCE)].map((match) => match[1] as TableName))];
  const inputs = listOf(header.keys.get('inputs')) as readonly TableName[];
  const grain = listOf(header.keys.get('grain'));
  const partition = PARTITION.exec(header.keys.get('partition') ?? '');
  const affectedBy = new Map<TableName, string>();
  for (const [key, sql] of header.keys) {
    if (key.startsWith('affected by ')) affectedBy.set(key.slice('affected by '.length) as TableName, sql);
  }
  const complain = (message: string): number => problems.push({ line: 1, message });
  if (grain.length === 0) complain('the header needs a line "-- grain: …"');
  if (header.keys.has('partition') && !partition) complain('partition is written year(column), month(column) or day(column)');
  if (affectedBy.size > 0 && !partition) complain('"affected by" needs a partition');
  if (references.toSorted().join() !== inputs.toSorted().join()) {
    complain(
      `the header's inputs (${inputs.join(', ') || 'none'}) are not the references of the query (${references.join(', ') || 'none'})`,
    );
  }
  for (const input of affectedBy.keys()) if (!inputs.includes(input)) complain(`"affected by ${input}": it is no input`);
  for (const match of body.matchAll(/\{\{.*?\}\}/g)) {
    if (!match[0].match(REFERENCE)) complain(`${match[0]}: {{ ref('silver.orders') }} is the only templating`);
  }
  if (problems.length > 0) throw modelError(file, problems);
  return {
    name: `gold.${path.basename(file, '.sql')}`,
    path: file,
    description: header.description,
    grain,
    inputs,
    partition: partition ? { transform: partition[1] as PartitionField['transform'], column: partition[2] as string } : null,
    affectedBy: new Map([...affectedBy].map(([input, sql]) => [input, resolveReferences(sql)])),
    sql: resolveReferences(body),
    source: { sql: body, affectedBy },
    hash: createHash('sha256').update(text).digest('hex'),
  };
}

function modelError(file: string, problems: readonly LintProblem[]): KeystoneError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new KeystoneError('KS_MODEL', `${path.basename(file)}, line ${first?.line}: ${first?.message}${more}`, {
    hint: `change ${file}`,
    details: { file, problems: problems.map((problem) => `line ${problem.line}: ${problem.message}`) },
  });
}

/** References become names, so that the lint sees plain SQL on the same lines. */
const maskReferences = (body: string): string => body.replaceAll(/\{\{.*?\}\}/g, 'referenced');

const listOf = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

function readHeader(
  text: string,
  file: string,
): { readonly lines: number; readonly description: string; readonly keys: ReadonlyMap<string, string> } {
  const keys = new Map<string, string>();
  const description: string[] = [];
  let current: string | null = null;
  let lines = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith('--')) break;
    lines += 1;
    const content = line.slice(2).replace(/^ /, '').trimEnd();
    const key = KEY.exec(content);
    if (key?.[1] !== undefined) {
      if (keys.has(key[1])) throw modelError(file, [{ line: lines, message: `"${key[1]}" is given twice` }]);
      current = key[1];
      keys.set(current, key[3] ?? '');
    } else if (current === null) description.push(content);
    else if (/^\s/.test(content)) keys.set(current, `${keys.get(current)} ${content.trim()}`);
    else
      throw modelError(file, [
        { line: lines, message: `"${content}" is neither a key of the header nor an indented continuation` },
      ]);
  }
  return { lines, description: description.join(' '), keys };
}
