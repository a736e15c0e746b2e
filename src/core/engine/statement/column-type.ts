/** Types of Trino and Athena as they are written, e.g. `decimal(12,2)`, `array(row(a bigint, b varchar))`, `timestamp(6)`. */
import { isSymbol, statementTokens, type StatementToken } from './statement-tokens.js';

export type ColumnType =
  /** `base` without arguments, e.g. `bigint`, `timestamp with time zone`. */
  | { readonly kind: 'plain'; readonly base: string }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'array'; readonly element: ColumnType }
  | { readonly kind: 'map'; readonly key: ColumnType; readonly value: ColumnType }
  | { readonly kind: 'row'; readonly fields: readonly { readonly name: string; readonly type: ColumnType }[] };

const plain = (base: string): ColumnType => ({ kind: 'plain', base });

/** What is not understood is plain under its whole text. */
export function columnType(text: string): ColumnType {
  const tokens = statementTokens(text);
  const reader = { tokens, at: 0 };
  const type = readType(reader);
  return type && reader.at === tokens.length ? type : plain(text.toLowerCase());
}

interface Reader {
  readonly tokens: readonly StatementToken[];
  at: number;
}

function readType(reader: Reader): ColumnType | null {
  const name = reader.tokens[reader.at]?.text;
  if (name === undefined) return null;
  reader.at += 1;
  if (name === 'array' || name === 'map' || name === 'row') return readNested(reader, name);
  const numbers: number[] = [];
  if (take(reader, '(')) {
    while (reader.tokens[reader.at]?.kind === 'number') {
      numbers.push(Number(reader.tokens[reader.at]?.text));
      reader.at += 1;
      if (!take(reader, ',')) break;
    }
    if (!take(reader, ')')) return null;
  }
  if (name === 'decimal') return { kind: 'decimal', precision: numbers[0] ?? 38, scale: numbers[1] ?? 0 };
  const words = [name];
  while (/^(?:with|time|zone|precision|day|to|second|year|month)$/.test(reader.tokens[reader.at]?.text ?? '')) {
    words.push(reader.tokens[reader.at]?.text ?? '');
    reader.at += 1;
  }
  return plain(words.join(' '));
}

function readNested(reader: Reader, name: 'array' | 'map' | 'row'): ColumnType | null {
  if (!take(reader, '(')) return plain(name);
  const inner: { readonly name: string; readonly type: ColumnType }[] = [];
  do {
    const fieldName = name === 'row' ? readFieldName(reader) : '';
    const type = readType(reader);
    if (!type) return null;
    inner.push({ name: fieldName, type });
  } while (take(reader, ','));
  if (!take(reader, ')')) return null;
  const [first, second] = inner.map(({ type }) => type);
  if (name === 'array') return first ? { kind: 'array', element: first } : null;
  if (name === 'map') return first && second ? { kind: 'map', key: first, value: second } : null;
  return { kind: 'row', fields: inner.map((field, n) => (field.name === '' ? { ...field, name: `field${n}` } : field)) };
}

/** Fields of a row may have no name: then a type stands alone. */
function readFieldName(reader: Reader): string {
  const [token, next] = [reader.tokens[reader.at], reader.tokens[reader.at + 1]];
  if (!token || !next || next.kind === 'symbol' || next.kind === 'number') return '';
  if (token.kind === 'word' && /^(?:with|zone|precision)$/.test(next.text)) return '';
  reader.at += 1;
  return token.text;
}

function take(reader: Reader, symbol: string): boolean {
  if (!isSymbol(reader.tokens[reader.at], symbol)) return false;
  reader.at += 1;
  return true;
}
