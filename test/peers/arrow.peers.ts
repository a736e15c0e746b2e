/** What `query --output arrow` streams, as pyarrow reads and validates it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askPython, peerPython } from './ask-python.js';

const BIN = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

interface Answer {
  readonly types: Readonly<Record<string, string>>;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly count: number;
  readonly batches: number;
}

describe.skipIf(peerPython === null)('an Arrow stream, read by pyarrow', () => {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-arrow-'));
    await writeFile(path.join(dir, 'keystone.yaml'), 'version: 1\n');
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  const read = async (sql: string): Promise<Answer> => {
    const file = path.join(dir, 'result.arrows');
    const child = spawn(process.execPath, [BIN, 'query', sql, '--output', 'arrow', '--quiet'], {
      cwd: dir,
      stdio: ['ignore', openSync(file, 'w'), 'inherit'],
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    return askPython<Answer>('read_arrow.py', { file });
  };

  it('has every type and value', async () => {
    const { types, rows } = await read(
      `SELECT * FROM (VALUES (TRUE, -7::TINYINT, 7::UBIGINT, 12345678901234567890123456789012345678::HUGEINT, -1234567.89::DECIMAL(9,2), 0.01::DECIMAL(38,2), 'São', '\\xFF\\x00'::BLOB,
         DATE '1969-12-31', TIME '23:59:59.999999', TIMESTAMP '1969-12-31 23:59:59.999999', TIMESTAMPTZ '2020-01-01 00:00:00.5+02', [1, NULL], [1, 2]::INT[2],
         {'k': 'x', 'v': '\\x01'::BLOB}, MAP {'m': 1.5::DECIMAL(3,1)}, '018f3c1e-7b7a-7000-8000-000000000001'::UUID, 1.5::DOUBLE),
         (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL))
       t(b, i8, u64, huge, dec, dec38, txt, bin, d, tm, ts, tz, l, arr, s, m, u, f)`,
    );
    expect(types).toEqual({
      b: 'bool',
      i8: 'int8',
      u64: 'uint64',
      huge: 'decimal128(38, 0)',
      dec: 'decimal128(9, 2)',
      dec38: 'decimal128(38, 2)',
      txt: 'string',
      bin: 'binary',
      d: 'date32[day]',
      tm: 'time64[us]',
      ts: 'timestamp[us]',
      tz: 'timestamp[us, tz=UTC]',
      l: 'list<item: int32>',
      arr: 'fixed_size_list<item: int32>[2]',
      s: 'struct<k: string, v: binary>',
      m: 'map<string, decimal128(3, 1)>',
      u: 'string',
      f: 'double',
    });
    expect(rows[0]).toEqual({
      b: true,
      i8: -7,
      u64: 7,
      huge: '12345678901234567890123456789012345678',
      dec: '-1234567.89',
      dec38: '0.01',
      txt: 'São',
      bin: 'ff00',
      d: '1969-12-31',
      tm: '23:59:59.999999',
      ts: '1969-12-31 23:59:59.999999',
      tz: '2019-12-31 22:00:00.500000+00:00',
      l: [1, null],
      arr: [1, 2],
      s: { k: 'x', v: '01' },
      m: [['m', '1.5']],
      u: '018f3c1e-7b7a-7000-8000-000000000001',
      f: '1.5',
    });
    expect(Object.values(rows[1] ?? {})).toEqual(Array(18).fill(null));
  });

  it('is whole, however long, and has its columns when it is empty', async () => {
    const long = await read("SELECT i, 'n' || i AS name, (i / 100)::DECIMAL(12,2) AS price FROM range(300000) t(i)");
    expect(long).toMatchObject({ count: 300_000, types: { i: 'int64', name: 'string', price: 'decimal128(12, 2)' } });
    expect(long.batches).toBeGreaterThan(100);
    expect(await read('SELECT 1.5::DECIMAL(3,1) AS d WHERE false')).toMatchObject({ count: 0, types: { d: 'decimal128(3, 1)' } });
  });

  it('is refused when it was stopped or failed half-way', async () => {
    const file = path.join(dir, 'cut.arrows');
    const failing = "SELECT i, CASE WHEN i = 250000 THEN error('no more') ELSE i END AS n FROM range(300000) t(i)";
    const failed = spawn(process.execPath, [BIN, 'query', failing, '--output', 'arrow'], {
      cwd: dir,
      stdio: ['ignore', openSync(file, 'w'), 'ignore'],
    });
    expect((await once(failed, 'close'))[0]).not.toBe(0);
    expect(statSync(file).size).toBeGreaterThan(100_000);
    await expect(askPython('read_arrow.py', { file })).rejects.toThrow(/Expected to read 1024 metadata bytes/);

    const stopped = spawn(process.execPath, [BIN, 'query', 'FROM range(1000000000)', '--output', 'arrow'], {
      cwd: dir,
      stdio: ['ignore', openSync(file, 'w'), 'ignore'],
    });
    while (statSync(file).size < 100_000) await sleep(20);
    stopped.kill('SIGINT');
    expect(await once(stopped, 'close')).toEqual([6, null]);
    await expect(askPython('read_arrow.py', { file })).rejects.toThrow(/Expected to read 1024 metadata bytes/);
  });
});
