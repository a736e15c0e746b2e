/** Tree → row expression text with the fewest parentheses; `parseExpression` gives the same tree back. */
import { type Expression, type Literal, RESERVED_WORDS } from './expression.js';

/** How strongly a node binds: a part that binds weaker than its place asks for is put in parentheses. */
const BINDING = { or: 1, and: 2, not: 3, predicate: 4, sum: 5, product: 6, unary: 7, primary: 8 } as const;

export const printExpression = (expression: Expression): string => print(expression, BINDING.or);

function print(node: Expression, least: number): string {
  const [binding, text] = printNode(node);
  return binding < least ? `(${text})` : text;
}

function printNode(node: Expression): readonly [binding: number, text: string] {
  const negated = 'negated' in node && node.negated ? 'not ' : '';
  switch (node.kind) {
    case 'literal':
      return [BINDING.primary, printLiteral(node)];
    case 'column':
      return [BINDING.primary, printColumn(node.name)];
    case 'call':
      return [BINDING.primary, `${node.name}(${print(node.argument, BINDING.or)})`];
    case 'negate':
      return [BINDING.unary, `- ${print(node.operand, BINDING.unary)}`];
    case 'arithmetic': {
      const binding = node.operator === '+' || node.operator === '-' ? BINDING.sum : BINDING.product;
      return [binding, `${print(node.left, binding)} ${node.operator} ${print(node.right, binding + 1)}`];
    }
    case 'compare':
      return [BINDING.predicate, `${print(node.left, BINDING.sum)} ${node.operator} ${print(node.right, BINDING.sum)}`];
    case 'isNull':
      return [BINDING.predicate, `${print(node.operand, BINDING.sum)} is ${negated}null`];
    case 'in':
      return [
        BINDING.predicate,
        `${print(node.operand, BINDING.sum)} ${negated}in (${node.values.map(printLiteral).join(', ')})`,
      ];
    case 'between':
      return [
        BINDING.predicate,
        `${print(node.operand, BINDING.sum)} ${negated}between ${print(node.low, BINDING.sum)} and ${print(node.high, BINDING.sum)}`,
      ];
    case 'matches':
      return [BINDING.predicate, `${print(node.operand, BINDING.sum)} ${negated}matches ${quoteText(node.pattern)}`];
    case 'not':
      return [BINDING.not, `not ${print(node.operand, BINDING.not)}`];
    default:
      return [
        BINDING[node.kind],
        `${print(node.left, BINDING[node.kind])} ${node.kind} ${print(node.right, BINDING[node.kind] + 1)}`,
      ];
  }
}

const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const printLiteral = (literal: Literal): string => {
  if (literal.type === 'text') return quoteText(literal.value);
  if (literal.type === 'date' || literal.type === 'timestamp') return `${literal.type} ${quoteText(literal.value)}`;
  return literal.value;
};

/** Quoted only where it has to be. */
const printColumn = (name: string): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !RESERVED_WORDS.has(name.toLowerCase()) ? name : `"${name.replaceAll('"', '""')}"`;
