import { describe, expect, it } from 'vitest';
import type { RunCompactResult } from '../../../src/core/care/run-compact.js';
import { runCli } from '../../support/cli-process.js';
import { appendEvents, smallProject } from '../../support/small-project.js';

const compact = async (cwd: string, ...args: readonly string[]): Promise<RunCompactResult['tables']> => {
  const { code, stdout } = await runCli(['table', 'compact', ...args, '--json'], { cwd });
  expect(code, stdout).toBe(0);
  return (JSON.parse(stdout) as { result: RunCompactResult }).result.tables;
};

describe('table compact', () => {
  it('does what its dry run says, once, and leaves rows and account as they were', async () => {
    const cwd = await smallProject(9);
    for (let round = 0; round < 3; round++) {
      await appendEvents(cwd, 6);
      expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd })).code).toBe(0);
    }
    const would = await compact(cwd, '--dry-run');
    expect(would.find(({ table }) => table === 'bronze.events')).toMatchObject({
      filesBefore: 9,
      filesAfter: 3,
      merged: 9,
      into: 3,
    });
    const rows = async (): Promise<string> =>
      (
        await runCli(['query', 'SELECT count(*) AS n, sum(kafka_offset) AS offsets FROM bronze.events', '--output', 'csv'], {
          cwd,
        })
      ).stdout;
    const before = await rows();
    expect(await compact(cwd)).toEqual(would);
    expect(await rows()).toBe(before);
    expect((await compact(cwd)).map(({ merged }) => merged)).not.toContain(1);
    expect((await compact(cwd)).reduce((sum, { merged }) => sum + merged, 0)).toBe(0);
    expect((await runCli(['ledger', 'verify', '--deep'], { cwd })).code).toBe(0);
    const text = await runCli(['table', 'compact', 'quarantine', '--target-file', '1GB'], { cwd });
    expect(text.stderr).toContain('Done. 0 files became 0 in 1 table.');
  });

  it('names tables that are not there and sizes that are none', async () => {
    const cwd = await smallProject(0);
    const unknown = await runCli(['table', 'compact', 'silver.nothing'], { cwd });
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('There is no table silver.nothing')]);
    expect(unknown.stderr).toContain('keystone consume run');
    const size = await runCli(['table', 'compact', '--target-file', 'large'], { cwd });
    expect([size.code, size.stderr]).toEqual([2, expect.stringContaining('"large" is no size')]);
    const few = await runCli(['table', 'compact', '--min-files', '1'], { cwd });
    expect(few.code).toBe(2);
  });
});
