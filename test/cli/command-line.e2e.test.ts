import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCli } from '../support/cli-process.js';
import { tempDir } from '../support/temp-dir.js';

const BIN = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const LIST_MODULES = fileURLToPath(new URL('../support/list-modules.mjs', import.meta.url));
const HEAVY = /node_modules\/(@duckdb|apache-arrow|parquet-wasm|@grpc|protobufjs|libsql|@libsql|kysely|avsc|zod|csv-parse)\//;

/** A project of that keystone.yaml. */
async function project(yaml = ''): Promise<string> {
  const cwd = await tempDir();
  await writeFile(path.join(cwd, 'keystone.yaml'), yaml);
  return cwd;
}

describe('the command line', () => {
  it('loads no SDK for help, of the whole tool or of a command', async () => {
    const cwd = await tempDir();
    for (const args of [['--help'], ['consume', 'run', '--help'], ['quarantine', 'list', '--help']]) {
      const { code, stdout, stderr } = await runCli(args, { cwd, env: { NODE_OPTIONS: `--import ${LIST_MODULES}` } });
      expect(code).toBe(0);
      expect(stdout).toContain('USAGE');
      const modules = stderr.split('\n').filter((line) => line.startsWith('module '));
      expect(modules.length).toBeGreaterThan(10);
      expect(modules.filter((line) => HEAVY.test(line))).toEqual([]);
    }
  });

  it('takes a value that a flag refuses for wrong use, with and without --json', async () => {
    const cwd = await tempDir();
    const args = ['consume', 'run', '--flush-rows', '0'];
    expect(await runCli(args, { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Error KS_USAGE: --flush-rows: "0" is no integer') as unknown,
    });
    const { code, stdout } = await runCli([...args, '--json'], { cwd });
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'KS_USAGE', hint: 'keystone consume run --help' } });
  });

  it('takes help as a word for --help', async () => {
    const cwd = await tempDir();
    for (const words of [[], ['consume'], ['consume', 'run']]) {
      const asked = await runCli(['help', ...words], { cwd });
      expect(asked).toMatchObject({ code: 0, stdout: (await runCli([...words, '--help'], { cwd })).stdout });
      expect(asked.stdout).toContain('USAGE');
    }
  });

  it('names a missing argument and nothing else', async () => {
    const { code, stderr } = await runCli(['query'], { cwd: await tempDir() });
    expect(code).toBe(2);
    expect(stderr).toMatch(/KS_USAGE: \S+ \(.*\) is missing/);
    expect(stderr).not.toMatch(/multiple values|Alternatively/);
  });

  it('sorts downwards by a column that begins like a short flag', async () => {
    const cwd = await project();
    for (const sort of [['--sort', '-profile'], ['--sort=-profile'], ['--sort', 'profile:desc']]) {
      const { code, stderr } = await runCli(['config', 'show', ...sort], { cwd });
      expect(code).toBe(2);
      expect(stderr).toContain('--sort: there is no column "profile"');
    }
  });

  it('answers --version without the framework', async () => {
    const { code, stdout, stderr } = await runCli(['--version'], {
      cwd: await tempDir(),
      env: { NODE_OPTIONS: `--import ${LIST_MODULES}` },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^keystone\/\d+\.\d+\.\d+ \S+ node-v\d/);
    expect(stderr).not.toContain('@oclif');
  });

  it('shows the line and column of a wrong setting, and exits with 4 with and without --json', async () => {
    const cwd = await project('ingest:\n  prot: 1\n');
    const human = await runCli(['config', 'show'], { cwd });
    expect(human).toMatchObject({ code: 4, stdout: '' });
    expect(human.stderr).toContain('Error KS_CONFIG: ');
    expect(human.stderr).toContain('keystone.yaml:2:3: unknown setting "ingest.prot"; did you mean "port"?');
    expect(human.stderr).toContain('Try: ');
    const json = await runCli(['config', 'show', '--json'], { cwd });
    expect(json.code).toBe(4);
    expect(JSON.parse(json.stdout)).toMatchObject({
      error: { code: 'KS_CONFIG', message: expect.stringContaining('2:3'), hint: expect.any(String) },
    });
  });

  it('suggests the nearest flag and exits with 2', async () => {
    const cwd = await project();
    const human = await runCli(['config', 'show', '--limt', '3'], { cwd });
    expect(human).toMatchObject({ code: 2, stdout: '' });
    expect(human.stderr).toContain('did you mean --limit?');
    const json = await runCli(['config', 'show', '--limt', '3', '--json'], { cwd });
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'KS_USAGE', hint: expect.stringContaining('--limit') } });
  });

  it('suggests the nearest command and exits with 127', async () => {
    const cwd = await tempDir();
    const human = await runCli(['config', 'shwo'], { cwd });
    expect(human).toMatchObject({ code: 127, stdout: '' });
    expect(human.stderr).toContain('did you mean "keystone config show"?');
    const json = await runCli(['qurantine', 'list', '--json'], { cwd });
    expect(json.code).toBe(127);
    expect(JSON.parse(json.stdout)).toMatchObject({
      error: { code: 'KS_USAGE', hint: expect.stringContaining('keystone quarantine list') },
    });
  });

  it('exits with 4 where there is no project, and says how to make one', async () => {
    const { code, stderr } = await runCli(['table', 'list'], { cwd: await tempDir() });
    expect(code).toBe(4);
    expect(stderr).toContain('keystone init');
  });

  it('prints one envelope under --json, and the rows alone as json, ndjson and csv', async () => {
    const cwd = await project();
    const args = ['config', 'show', '--filter', 'setting~ingest.m', '--sort', '-setting', '--limit', '2'];
    const envelope = JSON.parse((await runCli([...args, '--json'], { cwd })).stdout) as {
      result: { settings: unknown[] };
      warnings: unknown[];
    };
    expect(envelope.warnings).toEqual([]);
    const rows = [
      { setting: 'ingest.maxMessage', value: 4194304, origin: 'default' },
      { setting: 'ingest.maxInFlight', value: 67108864, origin: 'default' },
    ];
    expect(envelope.result.settings).toEqual(rows);
    expect(JSON.parse((await runCli([...args, '--output', 'json'], { cwd })).stdout)).toEqual(rows);
    const lines = (await runCli([...args, '--output', 'ndjson', '--columns', 'value'], { cwd })).stdout;
    expect(lines).toBe('{"value":4194304}\n{"value":67108864}\n');
    const csv = (await runCli([...args, '--output', 'csv', '--columns', 'setting,value'], { cwd })).stdout;
    expect(csv).toBe('setting,value\ningest.maxMessage,4194304\ningest.maxInFlight,67108864\n');
  });

  it('names the flag whose value is refused, not the setting behind it', async () => {
    const cwd = await project();
    const { code, stderr } = await runCli(['table', 'compact', '--small-file', 'much'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('KS_USAGE: --small-file: "much" is no size');
    expect(stderr).not.toContain('--set');
  });

  it('names an unknown column', async () => {
    const { code, stderr } = await runCli(['config', 'show', '--sort', 'orgin'], { cwd: await project() });
    expect(code).toBe(2);
    expect(stderr).toContain('did you mean "origin"?');
  });

  it('keeps standard output for data: the total line is on standard error, and gone with --quiet', async () => {
    const cwd = await project();
    const said = await runCli(['config', 'show', '--limit', '1'], { cwd });
    expect(said.stderr).toMatch(/^Done\. /m);
    expect(said.stdout).not.toContain('Done.');
    expect((await runCli(['config', 'show', '--limit', '1', '--quiet'], { cwd })).stderr).toBe('');
  });

  it('ends quietly when its reader stops early', async () => {
    const child = spawn(process.execPath, [BIN, 'config', 'show', '--output', 'ndjson'], {
      cwd: await project(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/EPIPE|Error/);
  });

  it('init, doctor and the walk that they propose fit together', async () => {
    const cwd = await tempDir();
    const made = await runCli(['init', 'shop', '--json'], { cwd });
    expect(made.code).toBe(0);
    expect((JSON.parse(made.stdout) as { result: { files: unknown[] } }).result.files.length).toBeGreaterThan(10);
    const healthy = await runCli(['doctor', '--json', '--set', 'ingest.port=0'], { cwd: path.join(cwd, 'shop') });
    expect(healthy.code).toBe(0);
    const sick = await runCli(['doctor', '--json', '--profile', 'absent'], { cwd: path.join(cwd, 'shop') });
    expect(sick.code).toBe(4);
    expect(JSON.parse(sick.stdout)).toMatchObject({ result: { exitCode: 4 } });
  });
});
