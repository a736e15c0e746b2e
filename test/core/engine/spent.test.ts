import { expect, it } from 'vitest';
import { roundedDollars, spentSince } from '../../../src/core/engine/spent.js';
import type { StatementEngine } from '../../../src/core/engine/statement-engine.js';

it('adds dollars without the digits of binary fractions', () => {
  const cents = Array.from({ length: 13 }, () => 0.000_05);
  expect(roundedDollars(cents.reduce((sum, each) => sum + each, 0))).toBe(0.000_65);
});

it('tells what was spent since', async () => {
  let dollars = 0.1;
  const engine: StatementEngine = {
    name: 'athena',
    schemaSql: (name) => name,
    execute: () => Promise.reject(new Error('not asked')),
    maxStatementBytes: 1,
    spent: () => ({ bytesScanned: dollars * 1000, billedBytes: 0, dollars }),
  };
  const spent = await spentSince({ statements: async () => engine }, 'athena');
  dollars = 0.3;
  expect(spent()).toMatchObject({ bytesScanned: 200, dollars: 0.2 });
  expect((await spentSince({ statements: async () => engine }, 'duckdb'))()).toMatchObject({ dollars: 0 });
});
