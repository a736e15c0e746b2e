import { describe, expect, it } from 'vitest';
import type { TableDescription, TableSummary } from '../../../src/core/table/describe-table.js';
import { runCli } from '../../support/cli-process.js';
import { smallProject } from '../../support/small-project.js';

describe('table list and table show', () => {
  it('tell what the lake holds, once it holds something', async () => {
    const cwd = await smallProject(9);
    expect(JSON.parse((await runCli(['table', 'list', '--json'], { cwd })).stdout)).toEqual({
      result: [],
      warnings: [],
      degradation: { level: 'full', mode: 'automatic', causes: [] },
    });
    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd })).code).toBe(0);

    const { result } = JSON.parse((await runCli(['table', 'list', '--json'], { cwd })).stdout) as { result: TableSummary[] };
    expect(result.find(({ name }) => name === 'bronze.events')).toMatchObject({
      rows: 9,
      partition: 'day(log_time)',
      format: 'iceberg/2',
    });
    const none = await runCli(['table', 'list', '-n', 'bogus'], { cwd });
    expect(none.stderr).toContain('Nothing of the namespace "bogus" is in the lake; it has bronze');
    const sorted = await runCli(['table', 'list', '--sort', '-name', '--output', 'csv', '--columns', 'name'], { cwd });
    const names = sorted.stdout.trim().split('\n').slice(1);
    expect(names.length).toBeGreaterThan(1);
    expect(names).toEqual(names.toSorted().toReversed());
    const csv = await runCli(['table', 'list', '--namespace', 'bronze', '--output', 'csv', '--columns', 'name,rows'], { cwd });
    expect(csv.stdout.trim().split(/\r?\n/)).toEqual(['name,rows', 'bronze.events,9']);

    const shown = JSON.parse((await runCli(['table', 'show', 'bronze.events', '--json'], { cwd })).stdout) as {
      result: TableDescription;
    };
    expect(shown.result.columns.map(({ name }) => name)).toEqual(expect.arrayContaining(['topic', 'payload']));
    expect(Object.values(shown.result.nextOffsets).flatMap((partitions) => Object.values(partitions))).toEqual([3, 3, 3]);
    const text = await runCli(['table', 'show', 'bronze.events', '--snapshots'], { cwd });
    expect(text.stdout).toContain(shown.result.currentSnapshotId);
  });

  it('end with code 2 and the names of the tables for an unknown one', async () => {
    const cwd = await smallProject(0);
    const { code, stdout } = await runCli(['table', 'show', 'silver.nope', '--json'], { cwd });
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'KS_NOT_FOUND' } });
  });
});
