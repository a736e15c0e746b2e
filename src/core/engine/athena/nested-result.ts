/**
 * Lists, rows and maps of a result from Athena: its own text of them (`[a, b]`, `{k=v}`) has no quotes and can't be read back. Asked as
 * JSON they can; which columns those are, and what lies in them, the plan tells (https://docs.aws.amazon.com/athena/latest/ug/athena-explain-statement.html).
 */
import { z } from 'zod';
import { parseJson } from '../../table/lossless-json.js';
import type { JsonValue } from '../sql-engine.js';
import { quoteIdentifier } from '../sql-text.js';
import { type ColumnType, columnType } from '../statement/column-type.js';
import { isSymbol, isWord, statementTokens } from '../statement/statement-tokens.js';
import { fromServiceJson } from '../statement/service-value.js';
import type { RemoteColumn } from '../remote/remote-service.js';

export interface NestedReading {
  /** The statement around the given one. */
  readonly sql: string;
  readonly columns: readonly RemoteColumn[];
  /** The value of a column that was asked as JSON; undefined for the others. */
  readonly valueOf: (text: string, column: number) => JsonValue | undefined;
}

const output = z.looseObject({
  name: z.literal('Output'),
  descriptor: z.looseObject({ columnNames: z.string() }),
  outputs: z.array(z.looseObject({ type: z.string() })),
});

/** Null when nothing is nested, or the plan doesn't tell names that could be asked one by one. */
export function jsonReading(sql: string, plan: string): NestedReading | null {
  const root = outputOf(plan);
  if (!root) return null;
  const names = root.descriptor.columnNames.replace(/^\[|\]$/g, '').split(', ');
  const types = root.outputs.map(({ type }) => columnType(type));
  if (names.length !== types.length || new Set(names).size !== names.length) return null;
  const asJson = types.map((type) => type.kind !== 'plain' && type.kind !== 'decimal' && !holdsBytes(type));
  if (!asJson.includes(true)) return null;
  // The names go into the text in the order of the columns, also where two columns are one expression.
  const aliases = names.map((_, n) => `c${n}`);
  const selected = names.map((name, n) => {
    const column = `t.${aliases[n]}`;
    return `${asJson[n] ? `json_format(CAST(${column} AS JSON))` : column} AS ${quoteIdentifier(name)}`;
  });
  const ordered = orderOf(sql, names, aliases);
  if (!ordered) return null;
  return {
    sql: `SELECT ${selected.join(', ')} FROM (\n${ordered.body}\n) t (${aliases.join(', ')})${ordered.tail}`,
    columns: names.map((name, n) => ({
      name,
      typeText: root.outputs[n]?.type ?? 'varchar',
      type: types[n] ?? columnType('varchar'),
    })),
    valueOf: (text, n) => (asJson[n] ? fromServiceJson(parseJson(text), types[n] ?? columnType('varchar')) : undefined),
  };
}

/**
 * The order of a query within brackets is forgotten: its ORDER BY, and what follows, moves behind them. Null when it sorts by more than
 * columns of the result.
 */
function orderOf(
  sql: string,
  names: readonly string[],
  aliases: readonly string[],
): { readonly body: string; readonly tail: string } | null {
  const body = sql.replace(/;\s*$/, '');
  const tokens = statementTokens(body);
  let depth = 0;
  const at = tokens.findIndex((token, n) => {
    if (isSymbol(token, '(')) depth += 1;
    if (isSymbol(token, ')')) depth -= 1;
    return depth === 0 && isWord(token, 'order') && isWord(tokens[n + 1], 'by');
  });
  const begin = tokens[at];
  if (!begin) return { body, tail: '' };
  const items = tokens.slice(at + 2);
  const rest = items.findIndex((token) => isWord(token, 'offset', 'limit', 'fetch'));
  const sorted: string[] = [];
  let isItem = true;
  for (const token of rest === -1 ? items : items.slice(0, rest)) {
    if (isItem) {
      const ordinal = token.kind === 'number' ? Number(token.text) - 1 : -1;
      const found = ordinal >= 0 ? ordinal : names.findIndex((name) => name.toLowerCase() === token.text.toLowerCase());
      const alias = aliases[found];
      if (alias === undefined || token.kind === 'text') return null;
      sorted.push(`t.${alias}`);
    } else if (isSymbol(token, ',') || isWord(token, 'asc', 'desc', 'nulls', 'first', 'last')) sorted.push(token.text);
    else return null;
    isItem = isSymbol(token, ',');
  }
  const after = rest === -1 ? '' : ` ${body.slice(items[rest]?.start ?? body.length)}`;
  return { body: body.slice(0, begin.start), tail: ` ORDER BY ${sorted.join(' ')}${after}` };
}

function outputOf(plan: string): z.output<typeof output> | null {
  try {
    const parsed: unknown = JSON.parse(plan);
    const candidates = [parsed, ...(typeof parsed === 'object' && parsed !== null ? Object.values(parsed) : [])];
    for (const each of candidates) {
      const read = output.safeParse(each);
      if (read.success) return read.data;
    }
  } catch {
    // No plan that could be read: Athena's own text stays.
  }
  return null;
}

/** Bytes have no JSON. */
function holdsBytes(type: ColumnType): boolean {
  if (type.kind === 'array') return holdsBytes(type.element);
  if (type.kind === 'map') return holdsBytes(type.key) || holdsBytes(type.value);
  if (type.kind === 'row') return type.fields.some((field) => holdsBytes(field.type));
  return type.kind === 'plain' && type.base === 'varbinary';
}
