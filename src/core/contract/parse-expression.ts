/** Row expression text → tree, by recursive descent over the grammar in `expression.ts`. */
import {
  type ArithmeticOperator,
  type CompareOperator,
  type Expression,
  ExpressionError,
  type Literal,
  RESERVED_WORDS,
} from './expression.js';
import { type Token, tokenize } from './expression-tokens.js';

/** Deeper nesting is a mistake, and would exhaust the stack. */
const MAX_DEPTH = 100;
const COMPARE: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=']);

/** Throws ExpressionError naming what was expected and where. */
export function parseExpression(source: string): Expression {
  const tokens = tokenize(source);
  let index = 0;
  let depth = 0;

  const peek = (ahead = 0): Token => tokens[Math.min(index + ahead, tokens.length - 1)] as Token;
  const take = (): Token => {
    const token = peek();
    index += 1;
    return token;
  };
  const isWord = (word: string, ahead = 0): boolean => peek(ahead).kind === 'word' && peek(ahead).text.toLowerCase() === word;
  const isSymbol = (symbol: string): boolean => peek().kind === 'symbol' && peek().text === symbol;
  const takeWord = (word: string): boolean => isWord(word) && take() !== undefined;
  const fail = (expected: string): never => {
    const token = peek();
    throw new ExpressionError(
      `expected ${expected}, found ${token.kind === 'end' ? 'the end' : JSON.stringify(token.text)}`,
      token.at,
    );
  };
  const expectSymbol = (symbol: string): void => {
    if (isSymbol(symbol)) take();
    else fail(`"${symbol}"`);
  };
  const expectText = (what: string): string => (peek().kind === 'text' ? take().text : fail(what));
  const nested = <T>(parse: () => T): T => {
    depth += 1;
    if (depth > MAX_DEPTH) throw new ExpressionError('the expression is nested too deeply', peek().at);
    const result = parse();
    depth -= 1;
    return result;
  };

  const leftChain = (word: 'and' | 'or', part: () => Expression): Expression => {
    let left = part();
    for (let terms = 1; isWord(word); terms += 1) {
      if (terms > MAX_DEPTH) throw new ExpressionError('the expression is too long', peek().at);
      const { at } = take();
      left = { kind: word, left, right: part(), at };
    }
    return left;
  };
  const expression = (): Expression => nested(() => leftChain('or', () => leftChain('and', negation)));
  const negation = (): Expression => {
    if (!isWord('not')) return predicate();
    const { at } = take();
    return { kind: 'not', operand: nested(negation), at };
  };

  const predicate = (): Expression => {
    const operand = sum();
    const { at, kind, text } = peek();
    if (kind === 'symbol' && COMPARE.has(text)) {
      take();
      return { kind: 'compare', operator: text as CompareOperator, left: operand, right: sum(), at };
    }
    if (takeWord('is')) {
      const negated = takeWord('not');
      if (!takeWord('null')) fail('"null"');
      return { kind: 'isNull', operand, negated, at };
    }
    const negated = isWord('not') && (isWord('in', 1) || isWord('between', 1) || isWord('matches', 1)) && take() !== undefined;
    if (takeWord('in')) return { kind: 'in', operand, values: list(), negated, at };
    if (takeWord('between')) {
      const low = sum();
      if (!takeWord('and')) fail('"and"');
      return { kind: 'between', operand, low, high: sum(), negated, at };
    }
    if (takeWord('matches'))
      return { kind: 'matches', operand, pattern: expectText("a pattern such as '[0-9]{5}'"), negated, at };
    return operand;
  };

  const list = (): readonly Literal[] => {
    expectSymbol('(');
    const values: Literal[] = [];
    do {
      const { at } = peek();
      const minus = isSymbol('-') && take() !== undefined;
      const value = minus && peek().kind !== 'number' ? fail('a number') : (literal() ?? fail('a literal'));
      values.push(minus ? { ...value, value: `-${value.value}`, at } : value);
    } while (isSymbol(',') && take());
    expectSymbol(')');
    return values;
  };

  const arithmetic = (symbols: string, part: () => Expression): Expression => {
    let left = part();
    for (let terms = 1; peek().kind === 'symbol' && symbols.includes(peek().text); terms += 1) {
      if (terms > MAX_DEPTH) throw new ExpressionError('the expression is too long', peek().at);
      const { at, text } = take();
      left = { kind: 'arithmetic', operator: text as ArithmeticOperator, left, right: part(), at };
    }
    return left;
  };
  const sum = (): Expression => arithmetic('+-', () => arithmetic('*/', unary));
  const unary = (): Expression => {
    if (!isSymbol('-')) return primary();
    const { at } = take();
    return { kind: 'negate', operand: nested(unary), at };
  };

  const literal = (): Literal | undefined => {
    const { kind, text, at } = peek();
    if (kind === 'number' || kind === 'text') {
      take();
      return { kind: 'literal', type: kind, value: text, at };
    }
    if (isWord('true') || isWord('false')) return { kind: 'literal', type: 'boolean', value: take().text.toLowerCase(), at };
    if (isWord('date') || isWord('timestamp')) {
      const type = take().text.toLowerCase() as 'date' | 'timestamp';
      return { kind: 'literal', type, value: expectText(`a ${type} in quotes`), at };
    }
    return undefined;
  };
  const primary = (): Expression => {
    const value = literal();
    if (value) return value;
    if (isSymbol('(')) {
      take();
      const inner = expression();
      expectSymbol(')');
      return inner;
    }
    const { kind, text, at } = peek();
    if (kind === 'name') return { kind: 'column', name: take().text, at };
    if (kind !== 'word' || RESERVED_WORDS.has(text.toLowerCase())) return fail('a column, a value or "("');
    take();
    if (!isSymbol('(')) return { kind: 'column', name: text, at };
    take();
    const argument = expression();
    expectSymbol(')');
    return { kind: 'call', name: text.toLowerCase(), argument, at };
  };

  const parsed = expression();
  if (peek().kind !== 'end') fail('"and", "or" or the end');
  return parsed;
}
