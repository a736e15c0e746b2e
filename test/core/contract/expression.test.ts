import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileExpressionForDuckDb } from '../../../src/core/contract/compile-expression-duckdb.js';
import { columnsOf, type Expression, ExpressionError } from '../../../src/core/contract/expression.js';
import { checkCondition } from '../../../src/core/contract/expression-type.js';
import { parseExpression } from '../../../src/core/contract/parse-expression.js';
import { printExpression } from '../../../src/core/contract/print-expression.js';
import { openDuckSession } from '../../../src/core/engine/duckdb/duck-session.js';
import { duckTypeOf } from '../../../src/core/silver/silver-table.js';
import { tempDir } from '../../support/temp-dir.js';
import { arbitraryCondition, arbitraryRow, COLUMN_TYPES } from './arbitrary-expression.js';
import { evaluate } from './evaluate-expression.js';

/** Without positions, which a printed text changes. */
const bare = (node: unknown): unknown =>
  Array.isArray(node)
    ? node.map(bare)
    : node !== null && typeof node === 'object'
      ? Object.fromEntries(Object.entries(node).flatMap(([name, value]) => (name === 'at' ? [] : [[name, bare(value)]])))
      : node;

const complaint = (source: string): string => {
  try {
    checkCondition(parseExpression(source), COLUMN_TYPES);
    return 'none';
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return `${error.at}: ${error.message}`;
  }
};

const usable = (expression: Expression): boolean => {
  try {
    checkCondition(expression, COLUMN_TYPES);
    return true;
  } catch {
    return false; // needs more than 38 digits
  }
};

describe('row expressions', () => {
  it('print to a text that parses to the same tree', () => {
    fc.assert(
      fc.property(arbitraryCondition, (expression) => {
        expect(bare(parseExpression(printExpression(expression)))).toEqual(bare(expression));
      }),
      { numRuns: 2000 },
    );
  });

  it('mean in DuckDB what they mean by definition, and fail on no row', async () => {
    const session = await openDuckSession({ memoryLimitBytes: 200_000_000, tempDir: await tempDir() });
    await session.run('CREATE TABLE cell (id INTEGER, column_name VARCHAR, value VARCHAR)');
    const rows = fc.sample(arbitraryRow, { numRuns: 60, seed: 7 });
    const columns = [...COLUMN_TYPES].map(([name, type]) => `CAST("${name}" AS ${duckTypeOf(type)}) AS "${name}"`).join(', ');
    const names = [...COLUMN_TYPES.keys()];
    const values = rows.map(
      (row, id) =>
        `(${id}, ${names.map((name) => (row[name] == null ? 'NULL' : `'${row[name]?.replaceAll("'", "''")}'`)).join(', ')})`,
    );
    await session.run(
      `CREATE TABLE sample AS SELECT id, ${columns} FROM (VALUES ${values.join(', ')}) t(id, ${names.map((name) => `"${name}"`).join(', ')})`,
    );
    const expressions = fc.sample(arbitraryCondition, { numRuns: 1500, seed: 11 }).filter(usable);
    expect(expressions.length).toBeGreaterThan(1000);
    for (let from = 0; from < expressions.length; from += 100) {
      const batch = expressions.slice(from, from + 100);
      const select = batch.map((expression, index) => `${compileExpressionForDuckDb(expression, COLUMN_TYPES)} AS "e${index}"`);
      const found = await session.jsonRows(`SELECT id, ${select.join(', ')} FROM sample ORDER BY id`);
      batch.forEach((expression, index) => {
        const expected = rows.map((row) => evaluate(expression, row, COLUMN_TYPES));
        expect({ expression: printExpression(expression), verdicts: found.map((row) => row[`e${index}`]) }).toEqual({
          expression: printExpression(expression),
          verdicts: expected,
        });
      });
    }
    await session.close();
  });

  it('name the columns that they read', () => {
    expect(columnsOf(parseExpression('price > 0 and (City is null or length("date") < price)'))).toEqual([
      'price',
      'City',
      'date',
    ]);
  });

  it.each([
    ['price >', '7: expected a column, a value or "(", found the end'],
    ['price > 0 andd count > 0', '10: expected "and", "or" or the end, found "andd"'],
    ["city = 'franca", "7: the ' is never closed"],
    ['price > 0 ; drop', '10: unexpected character ";"'],
    ['price = = 1', '8: expected a column, a value or "(", found "="'],
    ['city in ()', '9: expected a literal, found ")"'],
    ['count in (1, null)', '13: expected a literal, found "null"'],
    ['prize > 0', '0: there is no column "prize"'],
    ['Price > 0', '0: there is no column "Price": did you mean "price"?'],
    ["price > '0'", '6: a number cannot be compared with a text'],
    ['upper(city) = city', '0: there is no function "upper"; the only one is length(text)'],
    ['length(price) > 1', '7: length() takes a text, and this is a number'],
    ['price + 1', '6: a rule must be true or false, such as "price > 0", and this is a number'],
    ['price and open', '0: "and" joins conditions, and this is a number'],
    ['open > true', '5: true and false have no order: compare them with = or <>'],
    ["day = date '2017-02-29'", '6: "2017-02-29" is no date: write date \'2018-12-31\''],
    ['total * total * total > 0', '14: the numbers together need 57 digits, and engines hold 38'],
    ["city matches '(?=a)'", '5: pattern "(?=a)": only (…) and (?:…) groups are portable, no look-around, names or flags'],
    [`${'('.repeat(200)}open${')'.repeat(200)}`, '100: the expression is nested too deeply'],
  ])('refuse %s', (source, expected) => {
    expect(complaint(source)).toBe(expected);
  });
});
