/**
 * Keeps models to the SQL on which DuckDB and Athena (Trino) agree. What a type checker would have to know (that an average is
 * over doubles, that a sum has a fixed type) is asked for as an explicit cast that can be seen in the text.
 */
import { sqlTokens, type SqlToken } from './sql-tokens.js';

export interface LintProblem {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** Same name, same arguments, same result on both engines (through the prelude where DuckDB differs). */
const FUNCTIONS: ReadonlySet<string> = new Set(
  `count count_if sum min max avg max_by min_by row_number rank dense_rank lag lead first_value last_value coalesce nullif cast try_cast
   year quarter month week day day_of_week day_of_year date_trunc date_diff date_format sequence unnest round floor ceil abs greatest
   least lower upper length substr concat regexp_like`.split(/\s+/),
);
/** Words before a parenthesis that are no functions. */
const SYNTAX: ReadonlySet<string> = new Set(
  'select distinct from where and or not in exists on using values when then else filter over within union all except intersect any by as case join interval cross lateral between like having is null limit with'.split(
    ' ',
  ),
);
const CAST_TYPES: ReadonlySet<string> = new Set([
  'boolean',
  'integer',
  'bigint',
  'double',
  'decimal',
  'varchar',
  'date',
  'timestamp',
]);
/** DuckDB's own syntax, and clocks and dice: a model gives the same rows whenever it runs. */
const FORBIDDEN: ReadonlySet<string> = new Set(
  `qualify exclude replace pivot unpivot asof positional semi anti using_sample sample tablesample current_date current_timestamp
   localtimestamp current_time localtime`.split(/\s+/),
);
const DATE_UNITS = new Set(["'second'", "'minute'", "'hour'", "'day'", "'week'", "'month'", "'quarter'", "'year'"]);

/** Problems of one model's SQL, in order; empty when the engines agree on it. */
export function lintModelSql(sql: string): readonly LintProblem[] {
  const tokens = sqlTokens(sql);
  const problems: LintProblem[] = [];
  /** What opened each parenthesis that is still open: the function's name, or ''. */
  const open: string[] = [];
  tokens.forEach((token, index) => {
    const next = tokens[index + 1];
    const before = tokens[index - 1];
    const report = (message: string): number => problems.push({ line: token.line, message });
    if (token.kind === 'word') {
      if (FORBIDDEN.has(token.text) && before?.text !== '.')
        report(`${token.text.toUpperCase()} is not the same on every engine`);
      if ((token.text === 'group' || token.text === 'order') && next?.text === 'by' && tokens[index + 2]?.text === 'all')
        report(`${token.text.toUpperCase()} BY ALL exists on DuckDB only`);
      if (next?.text === '(' && isCall(token, before)) for (const message of callProblems(tokens, index, open)) report(message);
    } else if (token.kind === 'symbol') {
      if (token.text === '(') open.push(before?.kind === 'word' ? before.text : '');
      else if (token.text === ')') open.pop();
      else if (token.text === '/' && !isDoubleDivisor(tokens, index + 1))
        report('/ differs between the engines: write / NULLIF(CAST(… AS DOUBLE), 0), or a double literal such as / 100E0');
      else if (token.text === '::') report(':: exists on DuckDB only: write CAST(… AS …)');
      else if ('%[]{}'.includes(token.text) || token.text === '->') report(`${token.text} differs between the engines`);
      else if (token.text === ';') report('a model is one query, without ;');
    }
  });
  if (!['select', 'with'].includes(tokens[0]?.text ?? ''))
    problems.unshift({ line: 1, message: 'a model is one SELECT or WITH' });
  return problems;
}

/** A word before a parenthesis is a call unless it is syntax, an alias (`AS t (a, b)`) or a type behind AS. */
const isCall = (token: SqlToken, before: SqlToken | undefined): boolean => !SYNTAX.has(token.text) && before?.text !== 'as';

function callProblems(tokens: readonly SqlToken[], index: number, open: readonly string[]): readonly string[] {
  const name = tokens[index]?.text ?? '';
  if (!FUNCTIONS.has(name)) {
    return [`${name}() is not among the functions on which the engines agree: ${[...FUNCTIONS].toSorted().join(', ')}`];
  }
  const inside = argumentTokens(tokens, index + 1);
  if ((name === 'cast' || name === 'try_cast') && !CAST_TYPES.has(castType(inside))) {
    return [`CAST to ${castType(inside).toUpperCase() || '?'}: allowed are ${[...CAST_TYPES].join(', ').toUpperCase()}`];
  }
  if (
    name === 'cast' &&
    castType(inside) === 'decimal' &&
    !/decimal\(\d+,\d+\)$/.test(inside.map((token) => token.text).join(''))
  ) {
    return ['CAST to DECIMAL needs its precision and scale'];
  }
  if (name === 'sum' && !open.some((opener) => opener === 'cast')) {
    return ['the type of sum() differs between the engines: write CAST(sum(…) AS DECIMAL(18, 2)) or AS BIGINT'];
  }
  if (name === 'avg' && !(inside[0]?.text === 'cast' && castType(argumentTokens(inside, 1)) === 'double')) {
    return ['avg() of decimals differs between the engines: write avg(CAST(… AS DOUBLE))'];
  }
  if ((name === 'date_diff' || name === 'date_trunc') && !DATE_UNITS.has(inside[0]?.text ?? '')) {
    return [`${name}() takes its unit as a literal: ${[...DATE_UNITS].join(', ')}`];
  }
  return [];
}

/** The tokens between the parenthesis at `start` and its partner. */
function argumentTokens(tokens: readonly SqlToken[], start: number): readonly SqlToken[] {
  let depth = 0;
  for (let index = start; index < tokens.length; index += 1) {
    if (tokens[index]?.text === '(') depth += 1;
    else if (tokens[index]?.text === ')') depth -= 1;
    if (depth === 0) return tokens.slice(start + 1, index);
  }
  return tokens.slice(start + 1);
}

/** The word behind the last AS of a cast's arguments. */
function castType(inside: readonly SqlToken[]): string {
  const as = inside.map((token) => token.text).lastIndexOf('as');
  return as === -1 ? '' : (inside[as + 1]?.text ?? '');
}

function isDoubleDivisor(tokens: readonly SqlToken[], start: number): boolean {
  const first = tokens[start];
  if (first?.kind === 'number') return /e/i.test(first.text);
  if (first?.text !== 'nullif') return false;
  const inside = argumentTokens(tokens, start + 1);
  return inside[0]?.text === 'cast' && castType(argumentTokens(inside, 1)) === 'double';
}
