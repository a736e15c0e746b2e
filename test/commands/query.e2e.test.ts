import { openSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { checkArrowUse } from '../../src/cli/arrow-use.js';
import { runCli } from '../support/cli-process.js';
import { tempDir } from '../support/temp-dir.js';

const BIN = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const LONG = 'SELECT 30000 - n AS n FROM range(20000) t(n)';

async function project(): Promise<string> {
  const cwd = await tempDir();
  await writeFile(path.join(cwd, 'keystone.yaml'), '');
  return cwd;
}

async function query(...args: readonly string[]): ReturnType<typeof runCli> {
  return runCli(['query', ...args], { cwd: await project() });
}

describe('keystone query', () => {
  it('sorts and filters the whole result, not its first 10,000 rows', async () => {
    expect(await query(LONG, '--sort', 'n', '--limit', '2', '--output', 'csv')).toMatchObject({
      code: 0,
      stdout: 'n\n10001\n10002\n',
    });
    expect(await query(LONG, '--sort', '-n', '--limit', '1', '--output', 'csv')).toMatchObject({ code: 0, stdout: 'n\n30000\n' });
    expect(await query(LONG, '--filter', 'n=10001', '--output', 'csv')).toMatchObject({ code: 0, stdout: 'n\n10001\n' });
  });

  it('refuses to sort what is longer than it can read', async () => {
    const { code, stdout, stderr } = await query('FROM range(1000001) t(n)', '--sort', 'n');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/KS_USAGE.*1,000,000 rows[^]*ORDER BY/);
  });

  it('gives a program the whole result or none, and a person the first 10,000 rows with a warning', async () => {
    const tooLong = 'FROM range(250001) t(n)';
    for (const format of ['csv', 'ndjson', 'json']) {
      const { code, stdout, stderr } = await query(tooLong, '--output', format);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/KS_USAGE.*250,000 rows[^]*--limit N/);
    }
    const json = await query(tooLong, '--json');
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'KS_USAGE' } });
    expect((await query(LONG, '--output', 'ndjson')).stdout.trimEnd().split('\n')).toHaveLength(20_000);
    expect((await query(tooLong, '--output', 'ndjson', '--limit', '250001')).stdout.trimEnd().split('\n')).toHaveLength(250_001);
    const screen = await query(LONG);
    expect(screen.code).toBe(0);
    expect(screen.stderr).toContain('Warning: only the first 10000 rows were read');
    expect(await query('FROM range(10000) t(n)', '--output', 'csv')).toMatchObject({ code: 0 });
  });

  it.runIf(process.platform === 'linux')('says in one line that its output could not be written, and exits with 5', async () => {
    const child = spawn(process.execPath, [BIN, 'query', LONG, '--quiet', '--limit', '20000'], {
      cwd: await project(),
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(5);
    expect(stderr).toMatch(/^Error KS_STORE: the output could not be written: .*no space left.*\n$/);
  });

  it('streams Arrow to a program, whole or until its reader goes away', async () => {
    const cwd = await project();
    const start = (...args: readonly string[]): ReturnType<typeof spawn> =>
      spawn(process.execPath, [BIN, 'query', ...args, '--output', 'arrow'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const whole = start('SELECT n, (n / 4)::DECIMAL(12,2) AS part FROM range(300000) t(n)');
    const parts: Buffer[] = [];
    let stderr = '';
    whole.stdout?.on('data', (part: Buffer) => parts.push(part));
    whole.stderr?.on('data', (text: Buffer) => (stderr += text.toString('utf8')));
    expect(await once(whole, 'close')).toEqual([0, null]);
    const table = tableFromIPC(Buffer.concat(parts));
    expect([table.numRows, ...table.schema.fields.map((field) => String(field.type))]).toEqual([
      300_000,
      'Int64',
      'Decimal[12e+2]',
    ]);
    expect(stderr).toMatch(/Done\. 300000 rows, \d+\.\d MB of Arrow in/);

    const cut = start('FROM range(100000000)');
    cut.stdout?.once('data', () => cut.stdout?.destroy());
    expect(await once(cut, 'close')).toEqual([0, null]);
  });

  it('refuses Arrow with what cannot be done to a stream', async () => {
    const sorted = await query('SELECT 1 AS one', '--output', 'arrow', '--sort', 'one');
    expect(sorted).toMatchObject({ code: 2, stdout: '' });
    expect(sorted.stderr).toMatch(/KS_USAGE[^]*ORDER BY/);
    expect(() => checkArrowUse({}, true)).toThrow(/no text for a terminal/);
    expect(() => checkArrowUse({ json: true }, false)).toThrow(/two formats/);
    expect(() => checkArrowUse({}, false)).not.toThrow();
  });
});
