/**
 * A condition on rows that a person wrote, e.g. `payload->>'order_status' = 'delivered'`: one boolean expression, told apart from
 * everything else by DuckDB's own parse tree, never by searching the text.
 */
import { KeystoneError, messageOf } from '../../errors.js';
import type { DuckSession } from './duck-session.js';
import { sqlFailure } from './sql-failure.js';

interface Tree {
  readonly error: boolean;
  readonly error_message?: string;
  readonly position?: string;
  readonly statements?: readonly { readonly node: SelectNode }[];
}

interface SelectNode {
  readonly type: string;
  readonly modifiers?: readonly unknown[];
  readonly select_list?: readonly { readonly class?: string; readonly alias?: string }[];
  readonly cte_map?: { readonly map?: readonly unknown[] };
  readonly [clause: string]: unknown;
}

const BEFORE = 'SELECT ';
/** Parts of a query that a lone expression has not. */
const CLAUSES = ['where_clause', 'having', 'qualify', 'sample'] as const;

/**
 * Checks that `text` is one boolean expression over the columns of `relation` (a table or view of the session).
 * @throws KeystoneError KS_SQL naming what is wrong and where; `hint` is shown with it.
 */
export async function checkCondition(session: DuckSession, text: string, relation: string, hint: string): Promise<void> {
  const refuse = (why: string): KeystoneError => new KeystoneError('KS_SQL', `--where ${JSON.stringify(text)} ${why}`, { hint });
  // A line end closes a comment at the end of the text.
  const [row] = await session.rows<{ tree: string }>('SELECT json_serialize_sql($1::VARCHAR) AS tree', [`${BEFORE}${text}\n`]);
  const tree = JSON.parse(row?.tree ?? '{"error":true}') as Tree;
  if (tree.error) {
    const at = tree.position === undefined ? '' : ` at character ${Math.max(1, Number(tree.position) - BEFORE.length + 1)}`;
    const why = tree.error_message?.startsWith('Only SELECT') === true ? 'holds another statement' : tree.error_message;
    throw refuse(text.trim() === '' ? 'is empty' : `is no expression: ${why ?? 'not understood'}${at}`);
  }
  const node = tree.statements?.[0]?.node;
  if (tree.statements?.length !== 1 || !node) throw refuse('holds more than one statement');
  const [expression, second] = node.select_list ?? [];
  const from = node['from_table'] as { readonly type?: string } | undefined;
  const isAlone =
    node.type === 'SELECT_NODE' &&
    expression !== undefined &&
    second === undefined &&
    (expression.alias ?? '') === '' &&
    from?.type === 'EMPTY' &&
    (node.modifiers ?? []).length === 0 &&
    (node['group_expressions'] as readonly unknown[] | undefined)?.length === 0 &&
    CLAUSES.every((clause) => node[clause] === null || node[clause] === undefined);
  if (!isAlone) throw refuse('is more than one expression: give what would stand behind WHERE');
  if (hasSubquery(expression)) throw refuse('asks another query: it may look at the event alone');
  const type = await typeOf(session, text, relation, hint);
  if (type !== 'BOOLEAN') throw refuse(`is a ${type}, not a condition that is true or false`);
}

async function typeOf(session: DuckSession, text: string, relation: string, hint: string): Promise<string> {
  try {
    // The condition twice: WHERE refuses what a select list takes, such as aggregates and windows.
    const result = await session.connection.runAndReadAll(
      `DESCRIBE SELECT (${text}\n) AS condition FROM ${relation} WHERE (${text}\n)::VARCHAR IS NOT NULL`,
    );
    return String(result.getRowObjectsJson()[0]?.['column_type']);
  } catch (error) {
    throw conditionFailure(error, text, hint);
  }
}

/** What DuckDB said of a condition, without the query around it. */
export function conditionFailure(error: unknown, text: string, hint: string): KeystoneError {
  const failure = sqlFailure(error, text, []);
  if (failure.code !== 'KS_SQL') return failure;
  // The excerpt at the end shows a query that nobody wrote.
  const message = messageOf(error).split(/\n+LINE \d+: /)[0] ?? '';
  return new KeystoneError('KS_SQL', `--where ${JSON.stringify(text)}: ${message.replace(/\s*\n\s*/g, ' ')}`, { hint });
}

function hasSubquery(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(hasSubquery);
  if (typeof node !== 'object' || node === null) return false;
  return (node as { readonly class?: unknown }).class === 'SUBQUERY' || Object.values(node).some(hasSubquery);
}
