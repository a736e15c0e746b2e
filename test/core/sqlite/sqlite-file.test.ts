import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkedBinds, openSqliteFile } from '../../../src/core/sqlite/sqlite-file.js';
import { tempDir } from '../../support/temp-dir.js';

async function open() {
  const file = openSqliteFile(path.join(await tempDir(), 'deep', 'x.db'), { busyTimeoutMs: 100 });
  onTestFinished(() => file.close());
  file.exec('CREATE TABLE t (a, b)');
  return file;
}

describe('sqlite file', () => {
  it.each([
    [true],
    [new Date(0)],
    [{}],
    [undefined],
    [[1]],
    [Number.NaN],
    [Infinity],
    [2 ** 53],
    [2n ** 63n],
    [new ArrayBuffer(1)],
    [Symbol('x')],
  ])('refuses to bind %s, which would abort the process or be rounded', (value) => {
    expect(() => checkedBinds([value])).toThrow(TypeError);
  });

  it('brings whole numbers, fractions, texts, bytes and null back as they were', async () => {
    const file = await open();
    const values = [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 1.5, '', 'ü', null];
    const insert = file.prepare('INSERT INTO t VALUES (?, typeof(?1))');
    for (const value of values) insert.run(value);
    insert.run(Buffer.from('xabcx').subarray(1, 4));
    const rows = file.prepare('SELECT a, b FROM t ORDER BY rowid').all();
    expect(rows.slice(0, -1).map((row) => row['a'])).toEqual(values);
    expect(rows.map((row) => row['b'])).toEqual([
      'integer',
      'integer',
      'integer',
      'integer',
      'real',
      'text',
      'text',
      'null',
      'blob',
    ]);
    expect(Buffer.from(rows.at(-1)!['a'] as ArrayBuffer).toString()).toBe('abc');
    expect(file.prepare('SELECT a FROM t WHERE a = ?').get(-1)).toEqual({ a: -1 });
    expect(file.prepare('SELECT a FROM t WHERE a = 99').get()).toBeUndefined();
  });

  it('refuses to return an integer that a number can not hold', async () => {
    const file = await open();
    file.prepare('INSERT INTO t VALUES (?, 1)').run(2n ** 53n + 1n);
    expect(() => file.prepare('SELECT a FROM t').all()).toThrow(RangeError);
  });

  it('rolls a transaction back when its work throws, and can go on', async () => {
    const file = await open();
    expect(() =>
      file.immediate(() => {
        file.prepare('INSERT INTO t VALUES (1, 1)').run();
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(file.immediate(() => file.prepare('INSERT INTO t VALUES (2, 2)').run())).toBe(1);
    expect(file.prepare('SELECT a FROM t').all()).toEqual([{ a: 2 }]);
  });
});
