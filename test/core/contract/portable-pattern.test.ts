import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { portablePattern } from '../../../src/core/contract/portable-pattern.js';
import { openDuckSession } from '../../../src/core/engine/duckdb/duck-session.js';
import { quoteLiteral } from '../../../src/core/engine/sql-text.js';
import { tempDir } from '../../support/temp-dir.js';

describe('portablePattern', () => {
  it.each([
    ['[0-9]{5}', '[0-9]{5}'],
    ['^[0-9]{5}$', '[0-9]{5}'],
    ['a.c', 'a[^\\n]c'],
    ['\\d+\\.\\w*?', '[0-9]+\\.[0-9A-Za-z_]*'],
    ['(a|b)+', '(?:a|b)+'],
    ['[^\\d\\-.]', '[^0-9\\-.]'],
    ['\\D', '[^0-9]'],
    ['[a-]', '[a\\-]'],
    ['çã🙂', 'çã🙂'],
    ['^(a|b)$', '(?:a|b)'],
    ['a{2,}', 'a{2,}'],
  ])('rewrites %s', (pattern, expected) => {
    expect(portablePattern(pattern)).toBe(expected);
  });

  it.each([
    '(?=a)',
    '(?<n>a)',
    '(?i)a',
    'a++',
    'a**',
    'a{1001}',
    '(a{100}){11}',
    '\\1',
    '\\s',
    '\\bx',
    '\\p{L}',
    'a^b',
    '^a|b$',
    '(a',
    'a)',
    '[a',
    '[]',
    '[z-a]',
    '[[:alpha:]]',
    '[a&&b]',
    '*a',
    '{',
    'a{2',
    '\\',
    '\u0000',
  ])('refuses %s', (pattern) => {
    expect(() => portablePattern(pattern)).toThrow(/^pattern "/);
  });

  it('matches the same texts in DuckDB and in JavaScript', async () => {
    const session = await openDuckSession({ memoryLimitBytes: 100_000_000, tempDir: await tempDir() });
    const piece = fc.constantFrom(
      'a',
      'b',
      'é',
      '.',
      '[ab]',
      '[^a]',
      '[a-c-]',
      '\\d',
      '\\W',
      '\\.',
      '(a|bé)',
      '(?:a|)',
      '[\\d.]',
      '🙂',
      '-',
      "'",
      '\\n',
    );
    const pattern = fc.array(
      fc.tuple(piece, fc.constantFrom('', '', '*', '+', '?', '{2}', '{0,2}')).map((parts) => parts.join('')),
      { maxLength: 5 },
    );
    const character = fc.constantFrom('a', 'b', 'c', 'é', '1', '.', '-', '\n', '\r', '🙂', "'", '\u2028');
    const texts = fc.sample(
      fc.array(character, { maxLength: 5 }).map((parts) => parts.join('')),
      { numRuns: 200, seed: 3 },
    );
    const patterns = fc.sample(
      pattern.map((parts) => portablePattern(parts.join('|').replaceAll('||', '|'))),
      { numRuns: 200, seed: 5 },
    );
    const list = `[${texts.map(quoteLiteral).join(', ')}]`;
    for (const each of patterns) {
      const [row] = await session.jsonRows<{ m: readonly boolean[] }>(
        `SELECT list_transform(${list}, lambda t: regexp_full_match(t, ${quoteLiteral(each)})) AS m`,
      );
      expect({ each, matches: row?.m }).toEqual({
        each,
        matches: texts.map((text) => new RegExp(`^(?:${each})$`, 'u').test(text)),
      });
    }
    await session.close();
  });
});
