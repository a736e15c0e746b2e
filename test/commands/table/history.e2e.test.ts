import { describe, expect, it } from 'vitest';
import type { TableDiff } from '../../../src/core/care/table-diff.js';
import type { TableHistory } from '../../../src/core/care/table-history.js';
import { runCli } from '../../support/cli-process.js';
import { appendEvents, smallProject } from '../../support/small-project.js';

describe('table history and table diff', () => {
  it('tell what happened to a table and what it changed', async () => {
    const cwd = await smallProject(9);
    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd })).code).toBe(0);
    await appendEvents(cwd, 6);
    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd })).code).toBe(0);

    const { result: history } = JSON.parse((await runCli(['table', 'history', 'bronze.events', '--json'], { cwd })).stdout) as {
      result: TableHistory;
    };
    expect(history.snapshots.map(({ standing, addedRows, events }) => ({ standing, addedRows, events }))).toEqual([
      { standing: 'current', addedRows: 6, events: 6 },
      { standing: 'line', addedRows: 9, events: 9 },
    ]);
    const ledger = await runCli(['table', 'history', 'ledger.dispositions', '--limit', '1'], { cwd });
    expect(ledger.stdout).toContain('range 0:[3,5) 1:[3,5) 2:[3,5)');
    expect(ledger.stderr).toContain('Done. 1 of 2 snapshots of ledger.dispositions');

    const diff = await runCli(['table', 'diff', 'quarantine.events', '--from', 'previous', '--rows', '--json'], { cwd });
    const { result } = JSON.parse(diff.stdout) as { result: TableDiff };
    expect(result).toMatchObject({
      commits: { done: 1, undone: 0, rewrites: 0 },
      total: { rowsBefore: 9, rowsAfter: 15, rowsAdded: 6, rowsRemoved: 0 },
      rows: { key: ['topic', 'kafka_partition', 'kafka_offset'], added: 6, removed: 0, changed: 0 },
    });
    const first = history.snapshots[1];
    const text = await runCli(['table', 'diff', 'bronze.events', '--from', first?.committed ?? '', '--rows', '--limit', '2'], {
      cwd,
    });
    expect(text.stdout).toMatch(/added\s+topic=olist-enterprise-events kafka_partition=0 kafka_offset=3/);
    expect(text.stderr).toContain('Done. 9 → 15 rows (6 written, 0 taken)');
    expect(text.stderr).toContain('Rows that differ: 6 added, 0 removed, 0 changed.');
  });

  it('refuse what they cannot find, with the next command', async () => {
    const cwd = await smallProject(3);
    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd })).code).toBe(0);
    const refusals = [
      [['table', 'history', 'silver.nope'], 'KS_NOT_FOUND', 'There are:'],
      [['table', 'diff', 'bronze.events', '--from', 'yesterday'], 'KS_USAGE', 'keystone table history bronze.events'],
      [['table', 'diff', 'bronze.events', '--from', 'current', '--key', 'topic'], 'KS_USAGE', '--help'],
    ] as const;
    for (const [args, code, hint] of refusals) {
      const end = await runCli(args, { cwd });
      expect(end, args.join(' ')).toMatchObject({ code: 2, stdout: '' });
      expect(end.stderr, args.join(' ')).toContain(code);
      expect(end.stderr, args.join(' ')).toContain(hint);
    }
  });
});
