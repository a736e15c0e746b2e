/**
 * Row expressions: the small language of contract checks, e.g. `price > 0` or
 * `order_status <> 'delivered' or order_delivered_customer_date is not null`.
 *
 * A portable subset of SQL with SQL's three-valued logic, so that one rule means the same in DuckDB, Athena and JavaScript:
 * ```
 * expression  = conjunction { "or" conjunction }
 * conjunction = negation { "and" negation }
 * negation    = "not" negation | predicate
 * predicate   = sum [ compare sum | "is" ["not"] "null" | ["not"] "in" "(" literal { "," literal } ")"
 *                   | ["not"] "between" sum "and" sum | ["not"] "matches" text ]
 * sum         = product { ("+" | "-") product }
 * product     = unary { ("*" | "/") unary }
 * unary       = "-" unary | primary
 * primary     = literal | column | name "(" expression ")" | "(" expression ")"
 * literal     = number | text | "date" text | "timestamp" text | "true" | "false"      (in a list also "-" number)
 * ```
 * Words are case-insensitive. A column whose name is a word of the language is written in double quotes. `at` is the 0-based
 * offset of the node in the text, for error messages.
 */

export type CompareOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';
export type ArithmeticOperator = '+' | '-' | '*' | '/';

export interface Literal {
  readonly kind: 'literal';
  readonly type: 'number' | 'text' | 'date' | 'timestamp' | 'boolean';
  /** Digits as written; text without its quotes; `true` or `false`. */
  readonly value: string;
  readonly at: number;
}

export type Expression =
  | Literal
  | { readonly kind: 'column'; readonly name: string; readonly at: number }
  | { readonly kind: 'call'; readonly name: string; readonly argument: Expression; readonly at: number }
  | { readonly kind: 'negate'; readonly operand: Expression; readonly at: number }
  | {
      readonly kind: 'arithmetic';
      readonly operator: ArithmeticOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly at: number;
    }
  | {
      readonly kind: 'compare';
      readonly operator: CompareOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly at: number;
    }
  | { readonly kind: 'isNull'; readonly operand: Expression; readonly negated: boolean; readonly at: number }
  | {
      readonly kind: 'in';
      readonly operand: Expression;
      readonly values: readonly Literal[];
      readonly negated: boolean;
      readonly at: number;
    }
  | {
      readonly kind: 'between';
      readonly operand: Expression;
      readonly low: Expression;
      readonly high: Expression;
      readonly negated: boolean;
      readonly at: number;
    }
  | {
      readonly kind: 'matches';
      readonly operand: Expression;
      readonly pattern: string;
      readonly negated: boolean;
      readonly at: number;
    }
  | { readonly kind: 'not'; readonly operand: Expression; readonly at: number }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression; readonly at: number };

/** Words that are no column names unless quoted. */
export const RESERVED_WORDS: ReadonlySet<string> = new Set([
  'and',
  'or',
  'not',
  'is',
  'null',
  'in',
  'between',
  'matches',
  'date',
  'timestamp',
  'true',
  'false',
]);

/** What is wrong with an expression, and where. Thrown inside the expression's modules only; callers get it as a problem. */
export class ExpressionError extends Error {
  /** 0-based offset in the expression. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.name = 'ExpressionError';
    this.at = at;
  }
}

/** The columns that an expression reads, in order of first use. */
export function columnsOf(expression: Expression): readonly string[] {
  const names = new Set<string>();
  const visit = (node: Expression): void => {
    if (node.kind === 'column') names.add(node.name);
    for (const child of childrenOf(node)) visit(child);
  };
  visit(expression);
  return [...names];
}

/** The direct parts of a node that are expressions, left to right. */
function childrenOf(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case 'literal':
    case 'column':
      return [];
    case 'call':
      return [node.argument];
    case 'between':
      return [node.operand, node.low, node.high];
    case 'arithmetic':
    case 'compare':
    case 'and':
    case 'or':
      return [node.left, node.right];
    default:
      return [node.operand];
  }
}
