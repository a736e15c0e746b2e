import { describe, expect, it } from 'vitest';
import { createGroupCommit, type AppendOutcome } from '../../../src/core/ingest/group-commit.js';
import type { NewRecord, RecordPosition } from '../../../src/core/log/event-log.js';

const record = (value: string): NewRecord => ({ key: null, value: Buffer.from(value), headers: [] });

/** Appends that a test resolves one by one. */
function slowLog() {
  const appends: { readonly values: string[]; readonly done: (error?: Error) => void }[] = [];
  let offset = 0;
  const append = (records: readonly NewRecord[]): Promise<RecordPosition[]> =>
    new Promise((resolve, reject) => {
      appends.push({
        values: records.map(({ value }) => Buffer.from(value ?? []).toString()),
        done: (error) => (error ? reject(error) : resolve(records.map(() => ({ partition: 0, offset: offset++ })))),
      });
    });
  return { appends, append };
}
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('group commit', () => {
  it('puts what arrives during an append into the next one, in order', async () => {
    const { appends, append } = slowLog();
    const commits = createGroupCommit({ append, lingerMs: 0 });
    const settled: (readonly AppendOutcome[])[] = [];
    const settle = (outcomes: readonly AppendOutcome[]): void => void settled.push(outcomes);
    commits.submit([record('a')], settle);
    await soon();
    commits.submit([record('b'), record('c')], settle);
    commits.submit([record('d')], settle);
    await soon();
    expect(appends.map(({ values }) => values)).toEqual([['a']]);
    expect(settled).toEqual([]);
    appends[0]?.done();
    await soon();
    appends[1]?.done();
    await soon();
    expect(appends.map(({ values }) => values)).toEqual([['a'], ['b', 'c', 'd']]);
    expect(settled).toEqual([
      [{ partition: 0, offset: 0 }],
      [
        { partition: 0, offset: 1 },
        { partition: 0, offset: 2 },
      ],
      [{ partition: 0, offset: 3 }],
    ]);
  });

  it('spreads a large submission over appends and gives each record its own outcome', async () => {
    const { appends, append } = slowLog();
    const commits = createGroupCommit({ append, lingerMs: 0, maxBatchBytes: 2, maxBatchRecords: 10 });
    let settled: readonly AppendOutcome[] = [];
    commits.submit(['a', 'b', 'c', 'ddddd', 'e'].map(record), (outcomes) => (settled = outcomes));
    const error = new Error('away');
    for (const [index, failure] of [undefined, error, undefined, undefined].entries()) {
      await soon();
      appends[index]?.done(failure);
    }
    await soon();
    expect(appends.map(({ values }) => values)).toEqual([['a', 'b'], ['c'], ['ddddd'], ['e']]);
    expect(settled.map((outcome) => (outcome instanceof Error ? 'failed' : 'offset' in outcome && outcome.offset))).toEqual([
      0,
      1,
      'failed',
      2,
      3,
    ]);
  });

  it('does not wait for the linger when flushed', async () => {
    const { appends, append } = slowLog();
    const commits = createGroupCommit({ append, lingerMs: 60_000 });
    let isSettled = false;
    commits.submit([record('a')], () => (isSettled = true));
    const flushed = commits.flush();
    await soon();
    appends[0]?.done();
    await flushed;
    expect(isSettled).toBe(true);
  });
});
