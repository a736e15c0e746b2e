/** What commands write beside their results, as JSON lines; and that no secret is ever among it. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBuilt, runCli, type CliEnd } from '../support/cli-process.js';
import { smallProject } from '../support/small-project.js';

type Line = Readonly<Record<string, unknown>>;

const linesOf = ({ stderr }: CliEnd): readonly Line[] =>
  stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

describe.skipIf(!isBuilt())('--log-format json', () => {
  const inProject = async (events: number) => {
    const dir = await smallProject(events);
    const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliEnd> =>
      // Else oclif warns those who develop commands.
      runCli(args, { cwd: dir, env: { NODE_ENV: 'production', ...env } });
    return { dir, run };
  };

  it('tells start, notices, total and end as objects of one trace, and leaves the result alone', async () => {
    const { dir, run } = await inProject(0);
    // The header is no contract's: there is something to warn of.
    await writeFile(path.join(dir, 'orders.csv'), 'order_id,surprise\no-1,1\n');
    const end = await run(['ingest', 'csv', 'orders.csv', '--json', '--log-format', 'json']);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(end.stdout)).toMatchObject({ result: { accepted: 1 } });
    const lines = linesOf(end);
    expect(lines.at(0)).toMatchObject({ event: 'command.started', level: 'info', command: 'ingest csv' });
    expect(lines.at(-1)).toMatchObject({ event: 'command.ended', exitCode: 0, profile: 'local' });
    expect(lines.some(({ event, message }) => event === 'command.done' && String(message).startsWith('Done.'))).toBe(true);
    expect(new Set(lines.map(({ traceId }) => traceId)).size).toBe(1);
    expect(lines[0]?.['traceId']).toMatch(/^[0-9a-f]{32}$/);
    for (const { time } of lines) expect(Number.isNaN(Date.parse(String(time)))).toBe(false);
  });

  it('tells errors with code, hint and details, those of flags and unknown commands too', async () => {
    const { run } = await inProject(0);
    const [missing, flag, command] = await Promise.all([
      run(['lag', 'show', '--topic', 'none', '--log-format=json']),
      run(['lag', 'show', '--nope', '--log-format', 'json']),
      run(['lagg', '--log-format', 'json']),
    ]);
    expect(missing.code).toBe(2);
    expect(missing.stdout).toBe('');
    expect(linesOf(missing)).toContainEqual(
      expect.objectContaining({ event: 'command.failed', level: 'error', code: 'KS_NOT_FOUND', hint: expect.any(String) }),
    );
    expect(linesOf(flag)).toContainEqual(expect.objectContaining({ event: 'command.failed', code: 'KS_USAGE' }));
    expect(command.code).toBe(127);
    expect(linesOf(command)).toMatchObject([{ event: 'command.failed', code: 'KS_USAGE' }]);
  });

  it('is chosen by the environment and by the project too; the level leaves lines out; a trace goes on', async () => {
    const { run } = await inProject(1);
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const [byEnvironment, bySetting, wrong] = await Promise.all([
      run(['lag', 'show'], { KEYSTONE_LOGGING_FORMAT: 'json', TRACEPARENT: traceparent }),
      run(['lag', 'show', '--set', 'logging.format=json', '--set', 'logging.level=warn']),
      run(['lag', 'show', '--log-format', 'xml']),
    ]);
    expect(linesOf(byEnvironment)[0]).toMatchObject({ traceId: '4bf92f3577b34da6a3ce929d0e0e4736' });
    expect(bySetting).toMatchObject({ code: 0, stderr: '' });
    expect(wrong.code).toBe(2);
  });

  it('never tells a secret, in any format, whatever fails', async () => {
    const { dir, run } = await inProject(1);
    const secrets = { KS_T_PW: 'hush-p%40ssword-1', KS_T_KEY: 'hush-key-0123456789', KS_T_TOKEN: 'hush-token-abcdefgh' };
    const url = `postgres://someone:${secrets.KS_T_PW}@127.0.0.1:1/db`;
    await writeFile(
      path.join(dir, 'keystone.yaml'),
      `version: 1
ingest:
  tokens: { shop: "env:KS_T_TOKEN" }
resilience: { patience: 0 }
profiles:
  local: {}
  away:
    state: { adapter: postgres, postgres: { url: "env:KS_T_URL" } }
    metrics:
      adapter: cloudwatch
      cloudwatch: { endpoint: "http://127.0.0.1:1", accessKeyId: "env:KS_T_KEY", secretAccessKey: "env:KS_T_KEY" }
  written:
    metrics:
      adapter: cloudwatch
      cloudwatch: { endpoint: "http://someone:${secrets.KS_T_PW}@127.0.0.1:1" }
`,
    );
    const env = { ...secrets, KS_T_URL: url, AWS_ACCESS_KEY_ID: 'AKIAHUSH', AWS_SECRET_ACCESS_KEY: secrets.KS_T_KEY };
    const json = ['--json', '--log-format', 'json', '--log-level', 'debug'];
    const commands: readonly (readonly string[])[] = [
      ['consume', 'run', '--until-caught-up', '--profile', 'away', '--verbose'],
      ['lag', 'publish', '--once', '--profile', 'away', ...json],
      ['lag', 'publish', '--once', '--profile', 'written', '--verbose'],
      ['config', 'show', '--profile', 'written', ...json],
      ['ingest', 'serve', '--set', 'ingest.tls.certificate=none.pem', '--set', 'ingest.tls.key=none.pem', ...json],
    ];
    const ends = await Promise.all(commands.map((command) => run(command, env)));
    expect(ends.filter(({ code }) => code !== 0).length).toBe(4);
    for (const { stdout, stderr } of ends) {
      const all = stdout + stderr;
      expect(all).not.toContain('hush-key');
      expect(all).not.toContain('hush-token');
      expect(all).not.toMatch(/hush-p(%40|@)ssword/);
    }
  });
});
