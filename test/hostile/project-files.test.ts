/** What people write by hand, damaged: keystone.yaml, overrides, contracts, row expressions. Each is valid, or refused at its place. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/core/config/load-config.js';
import { allSettings } from '../../src/core/config/settings.js';
import { ExpressionError } from '../../src/core/contract/expression.js';
import { parseContract } from '../../src/core/contract/parse-contract.js';
import { parseExpression } from '../../src/core/contract/parse-expression.js';
import { printExpression } from '../../src/core/contract/print-expression.js';
import { isKeystoneError } from '../../src/core/errors.js';
import { tempDir } from '../support/temp-dir.js';
import { bounded, damagedBytes, damagedValue, oddValue } from './hostile-input.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CASES = path.join(path.resolve(process.env['KEYSTONE_CASES_DIR'] ?? '../shared/data/cases'), 'odcs');
const textsIn = (dir: string, end: string): readonly string[] =>
  existsSync(dir)
    ? readdirSync(dir)
        .filter((name) => name.endsWith(end))
        .map((name) => readFileSync(path.join(dir, name), 'utf8'))
    : [];
const CONTRACTS = [...textsIn(path.join(ROOT, 'templates/contracts'), '.odcs.yaml'), ...textsIn(CASES, '.yaml')];
const CONFIG = readFileSync(path.join(ROOT, 'templates/project/keystone.yaml'), 'utf8').replaceAll('{{project}}', 'shop');

/** What YAML makes trouble with, put in anywhere. */
const yamlTrouble = fc.constantFrom(
  '*a',
  '&a ',
  '&a [*a]',
  '!!binary ',
  '!!js/function x',
  '<<: ',
  '? ',
  ': ',
  '- ',
  '\t',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  '|\n',
  '>',
  '%YAML 9.9\n',
  '---\n',
  '...\n',
  '\u0000',
  '\uFEFF',
  '\u2028',
  '__proto__: 1\n',
  'constructor: {}\n',
  '1e999',
  '.nan',
  '0x7fffffffffffffff',
  '~',
  '#',
  '\r',
  '\\',
  '(a+)+$',
  '[[[[[[[[',
);
const damagedText = (whole: string): fc.Arbitrary<string> =>
  fc.oneof(
    damagedBytes(Buffer.from(whole)).map((bytes) => bytes.toString('utf8')),
    fc.array(fc.tuple(fc.nat(whole.length), yamlTrouble), { minLength: 1, maxLength: 3 }).map((places) => {
      let text = whole;
      for (const [at, trouble] of places) text = text.slice(0, at) + trouble + text.slice(at);
      return text;
    }),
  );

it('a damaged keystone.yaml is read, or refused at a line and column', async () => {
  const dir = await tempDir();
  const file = path.join(dir, 'keystone.yaml');
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(damagedText(CONFIG), async (text) => {
      await writeFile(file, text);
      try {
        expect((await loadConfig({ cwd: dir, env: {} })).projectDir).toBe(dir);
      } catch (error) {
        if (!isKeystoneError(error)) throw error;
        refused += 1;
        expect(error.code).toBe('KS_CONFIG');
        if (!/has no profile/.test(error.message)) expect(error.message).toMatch(/keystone\.yaml:\d+:\d+: ./);
        expect(error.hint).toBeTruthy();
      }
    }),
    bounded(600, 6_000),
  );
  expect(refused).toBeGreaterThan(50);
});

it('odd values in keystone.yaml, --set and the environment are read or refused by name', async () => {
  const dir = await tempDir();
  const file = path.join(dir, 'keystone.yaml');
  const whole = {
    version: 1,
    consume: { flushRows: 10, leaseTtl: '1s' },
    ingest: { port: 1 },
    profiles: { local: { log: { partitions: 3 }, engine: { memory: '1GB' } } },
  };
  const settings = allSettings();
  const given = fc.tuple(
    fc.constantFrom(...settings),
    fc.oneof(
      oddValue.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))),
      fc.string({ unit: 'binary', maxLength: 20 }),
      yamlTrouble,
    ),
  );
  await fc.assert(
    fc.asyncProperty(damagedValue(whole), fc.option(given), fc.option(given), async (value, set, env) => {
      await writeFile(file, JSON.stringify(value) ?? '');
      try {
        await loadConfig({
          cwd: dir,
          env: env ? { [env[0].variable]: env[1] } : {},
          set: set ? [`${set[0].path}=${set[1]}`] : [],
        });
      } catch (error) {
        if (!isKeystoneError(error)) throw error;
        expect(['KS_CONFIG', 'KS_USAGE', 'KS_CREDENTIALS']).toContain(error.code);
        const named = [set?.[0].path, env?.[0].variable, 'keystone.yaml'].some(
          (name) => name !== undefined && error.message.includes(name),
        );
        expect(named, error.message).toBe(true);
      }
    }),
    bounded(600, 6_000),
  );
});

it('a damaged contract is read, or refused at its file and line, in bounded time', () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.constantFrom(...CONTRACTS).chain(damagedText), (text) => {
      const startedMs = performance.now();
      const parsed = parseContract(text, 'some/file.odcs.yaml');
      expect(performance.now() - startedMs).toBeLessThan(5_000);
      for (const problem of parsed.problems) {
        expect(problem.path).toBe('some/file.odcs.yaml');
        expect(problem.line).toBeGreaterThanOrEqual(1);
        expect(problem.column).toBeGreaterThanOrEqual(1);
        expect(problem.line).toBeLessThanOrEqual(text.split('\n').length + 1);
        expect(problem.message).not.toBe('');
      }
      if (parsed.kind === 'contract') return;
      refused += 1;
      expect(parsed.problems.some(({ level }) => level === 'error')).toBe(true);
    }),
    bounded(800, 8_000),
  );
  expect(refused).toBeGreaterThan(100);
});

it.each([
  [
    'an alias bomb',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
      .split('')
      .map((name, n) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[n]}`).join(',')}]`)
      .join('\n')}\n`,
  ],
  ['nesting without end', '['.repeat(50_000)],
  ['maps without end', '{a: '.repeat(50_000)],
  ['indentation without end', Array.from({ length: 2_000 }, (_, n) => `${' '.repeat(n)}a:`).join('\n')],
  ['a key of a megabyte', `${'k'.repeat(1_000_000)}: 1`],
  ['an anchor that holds itself', 'schema: &a [*a]'],
])('%s in a contract or configuration is refused in time', async (_, text) => {
  const startedMs = performance.now();
  expect(parseContract(text, 'f').kind).toBe('invalid');
  const dir = await tempDir();
  await writeFile(path.join(dir, 'keystone.yaml'), text);
  await expect(loadConfig({ cwd: dir, env: {} })).rejects.toMatchObject({ code: 'KS_CONFIG' });
  expect(performance.now() - startedMs).toBeLessThan(20_000);
});

const pieces = fc.constantFrom(
  'price',
  '"city"',
  'AND',
  'or',
  'NOT',
  'IN',
  '(',
  ')',
  ',',
  'BETWEEN',
  'IS',
  'NULL',
  "'x'",
  "''",
  "'",
  '1',
  '1.5',
  '-',
  '+',
  '*',
  '/',
  '=',
  '<>',
  '<=',
  'MATCHES',
  'LENGTH',
  "'(a+)+$'",
  'DATE',
  "'2017-10-02'",
  'TIMESTAMP',
  'TRUE',
  ';',
  '--',
  '/*',
  '\\',
  '\u0000',
  '💥',
  '9'.repeat(400),
  '1e',
  '.',
);

it('any text as a row expression is a tree that prints to itself, or refused at a place in it', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(pieces, { maxLength: 25 }).map((some) => some.join(' ')),
        fc.string({ unit: 'binary', maxLength: 60 }),
      ),
      (text) => {
        try {
          const printed = printExpression(parseExpression(text));
          expect(printExpression(parseExpression(printed))).toBe(printed);
        } catch (error) {
          if (!(error instanceof ExpressionError)) throw error;
          expect(error.at).toBeGreaterThanOrEqual(0);
          expect(error.at).toBeLessThanOrEqual(text.length + 1);
        }
      },
    ),
    bounded(5_000, 4_000),
  );
});

it.each([
  ['parentheses', `${'('.repeat(100_000)}a${')'.repeat(100_000)}`],
  ['unclosed parentheses', '('.repeat(100_000)],
  ['negations', `${'NOT '.repeat(100_000)}a`],
  ['signs', `a = ${'- '.repeat(100_000)}1`],
  ['sums', `a = ${'1 + '.repeat(20_000)}1`],
  ['conjunctions', `${'a AND '.repeat(20_000)}a`],
])('a row expression of endless %s is refused or read, and never ends the process', (_, text) => {
  const startedMs = performance.now();
  try {
    printExpression(parseExpression(text));
  } catch (error) {
    expect(error, String(error)).toBeInstanceOf(ExpressionError);
  }
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});
