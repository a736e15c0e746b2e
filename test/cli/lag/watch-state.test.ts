import { describe, expect, it } from 'vitest';
import { SORT_COLUMNS } from '../../../src/cli/lag/watch-columns.js';
import {
  INITIAL_WATCH,
  shownPartitions,
  watchReducer,
  type WatchKey,
  type WatchState,
} from '../../../src/cli/lag/watch-state.js';
import type { LagSample } from '../../../src/core/lag/watch-lag.js';
import { behind, lagSample, partition } from './lag-sample.js';

const see = (state: WatchState, ...samples: LagSample[]): WatchState =>
  samples.reduce((now, sample) => watchReducer(now, { kind: 'sample', sample }), state);
const press = (state: WatchState, ...keys: (string | WatchKey)[]): WatchState =>
  keys.reduce<WatchState>(
    (now, key) =>
      watchReducer(now, {
        kind: 'key',
        page: 2,
        columns: SORT_COLUMNS,
        ...(typeof key === 'string' ? { input: key, key: {} } : { input: '', key }),
      }),
    state,
  );
const order = (state: WatchState): number[] => shownPartitions(state).map(({ partition: number }) => number);

const three = lagSample(1, [behind(0, 10), partition(1), behind(2, 400, { condition: 'truncated', drain: { kind: 'stalled' } })]);
const seen = see(INITIAL_WATCH, three);

describe('the watch', () => {
  it('shows partitions in their order, and after s by the column with most of it first', () => {
    expect(order(seen)).toEqual([0, 1, 2]);
    const byEnd = press(seen, 's');
    expect(byEnd.sort).toBe('end');
    expect(order(byEnd)).toEqual([2, 1, 0]);
    expect(order(press(byEnd, 'r'))).toEqual([0, 1, 2]);
    expect(press(seen, 's', 'S')).toEqual(seen);
    expect(press(seen, 'S').sort).toBe('drain');
    expect(order(press(seen, 'S'))).toEqual([2, 0, 1]);
  });

  it('comes round to the first column again', () => {
    expect(press(seen, ...Array.from({ length: 9 }, () => 's'))).toEqual(seen);
  });

  it('passes over columns that the terminal is too narrow for', () => {
    const narrow = (state: WatchState, input: string): WatchState =>
      watchReducer(state, { kind: 'key', input, key: {}, page: 2, columns: ['partition', 'lag', 'drain'] });
    const sorts = ['s', 's', 's', 'S'].reduce<readonly WatchState[]>((all, key) => [...all, narrow(all.at(-1) ?? seen, key)], []);
    expect(sorts.map(({ sort }) => sort)).toEqual(['lag', 'drain', 'partition', 'drain']);
    expect(narrow({ ...seen, sort: 'behind' }, 's').sort).toBe('drain');
    expect(narrow({ ...seen, sort: 'behind' }, 'S').sort).toBe('lag');
  });

  it('filters by number, condition and how it drains, while it is typed; esc shows all again', () => {
    expect(order(press(seen, '/', '2'))).toEqual([2]);
    expect(order(press(seen, '/', 't', 'r', 'u', 'n', { return: true }))).toEqual([2]);
    expect(order(press(seen, '/', 'd', 'r', 'a', 'i', 'n'))).toEqual([0]);
    expect(order(press(seen, '/', '9', { backspace: true }))).toEqual([0, 1, 2]);
    expect(order(press(seen, '/', '9', { return: true }))).toEqual([]);
    expect(order(press(seen, '/', '9', { return: true }, { escape: true }))).toEqual([0, 1, 2]);
  });

  it('takes letters that are keys elsewhere as text of the filter', () => {
    expect(press(seen, '/', 'q', 's')).toMatchObject({ mode: 'filter', filter: 'qs', sort: 'partition' });
  });

  it('shows with l only what lags', () => {
    expect(order(press(seen, 'l'))).toEqual([0, 2]);
    expect(order(press(seen, 'l', 'l'))).toEqual([0, 1, 2]);
  });

  it('stands still while paused and then goes on with the newest sample, its history whole', () => {
    const paused = see(press(seen, 'p'), lagSample(2, [behind(0, 20)]), lagSample(3, [behind(0, 30)]));
    expect(paused.shown?.sample.sample).toBe(1);
    expect(paused.newest?.sample.sample).toBe(3);
    const on = press(paused, 'p');
    expect(on.shown?.sample.sample).toBe(3);
    expect(on.shown?.history.get(0)).toEqual([10, 20, 30]);
  });

  it('adds nothing to the history while the numbers are stale', () => {
    const stale = see(seen, lagSample(2, three.partitions, { stale: true }));
    expect(stale.shown?.history.get(0)).toEqual([10]);
  });

  it('keeps a bounded history', () => {
    const long = see(INITIAL_WATCH, ...Array.from({ length: 500 }, (_, n) => lagSample(n, [behind(0, n)])));
    expect(long.shown?.history.get(0)).toHaveLength(120);
    expect(long.shown?.history.get(0)?.at(-1)).toBe(499);
  });

  it('keeps incidents with the time when they were first seen, newest first', () => {
    const incident = { kind: 'truncated', partition: 2, message: 'partition 2: 5 events expired' } as const;
    const fell = { kind: 'lake_fell', partition: 0, message: 'partition 0: fell' } as const;
    const after = see(
      INITIAL_WATCH,
      lagSample(1, [behind(0, 1)], { incidents: [incident] }),
      lagSample(2, [behind(0, 1)], { incidents: [incident, fell] }),
    );
    expect(after.incidents.map(({ message, at }) => [message, at.slice(17, 19)])).toEqual([
      ['partition 0: fell', '02'],
      ['partition 2: 5 events expired', '01'],
    ]);
  });

  it('scrolls no further than the last line', () => {
    expect(press(seen, 'k').scroll).toBe(0);
    expect(press(seen, 'j').scroll).toBe(1);
    expect(press(seen, { downArrow: true }, 'j', 'j').scroll).toBe(2);
    expect(press(seen, 'G').scroll).toBe(2);
    expect(press(seen, 'G', 'g').scroll).toBe(0);
  });

  it('ends by q and by Ctrl-C, by the latter while a filter is typed and in the help, too', () => {
    expect(press(seen, 'q').mode).toBe('ended');
    for (const keys of [[], ['/'], ['?']]) {
      const ended = watchReducer(press(seen, ...keys), {
        kind: 'key',
        input: 'c',
        key: { ctrl: true },
        page: 2,
        columns: SORT_COLUMNS,
      });
      expect(ended.mode).toBe('ended');
    }
    expect(press(seen, '?', 'x').mode).toBe('table');
  });
});
