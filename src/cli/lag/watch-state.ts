/** What the watch shows and how keys change it: a reducer, so that every key can be tested without a terminal. */
import type { LagIncident } from '../../core/lag/lag-incidents.js';
import type { LagSample, WatchedPartition } from '../../core/lag/watch-lag.js';
import { SORT_COLUMNS, WATCH_COLUMNS } from './watch-columns.js';

/** Samples kept for the sparkline: more than the widest terminal shows. */
const HISTORY_SAMPLES = 120;
const INCIDENTS_KEPT = 20;

export interface SeenIncident extends LagIncident {
  /** When it was first seen, ISO 8601. */
  readonly at: string;
}

/** A sample with the way that led to it. */
export interface WatchView {
  readonly sample: LagSample;
  /** Lag in events by partition, oldest first, up to this sample. */
  readonly history: ReadonlyMap<number, readonly number[]>;
}

export interface WatchState {
  /** What is shown; null before the first sample. */
  readonly shown: WatchView | null;
  /** The newest: ahead of what is shown while paused. */
  readonly newest: WatchView | null;
  /** Newest first. */
  readonly incidents: readonly SeenIncident[];
  readonly sort: string;
  readonly descending: boolean;
  /** What partitions must match; empty: all are shown. */
  readonly filter: string;
  /** Only partitions with lag. */
  readonly laggingOnly: boolean;
  /** `ended`: the person has asked to leave. */
  readonly mode: 'table' | 'filter' | 'help' | 'ended';
  readonly paused: boolean;
  /** Lines scrolled off at the top. */
  readonly scroll: number;
}

export const INITIAL_WATCH: WatchState = {
  shown: null,
  newest: null,
  incidents: [],
  sort: 'partition',
  descending: false,
  filter: '',
  laggingOnly: false,
  mode: 'table',
  paused: false,
  scroll: 0,
};

/** The part of ink's key that the watch listens to. */
export interface WatchKey {
  readonly return?: boolean;
  readonly escape?: boolean;
  readonly backspace?: boolean;
  readonly delete?: boolean;
  readonly upArrow?: boolean;
  readonly downArrow?: boolean;
  readonly pageUp?: boolean;
  readonly pageDown?: boolean;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
}

export type WatchAction =
  | { readonly kind: 'sample'; readonly sample: LagSample }
  /** `page`: lines of the screen that partitions may take; `columns`: names of those that the screen shows. */
  | {
      readonly kind: 'key';
      readonly input: string;
      readonly key: WatchKey;
      readonly page: number;
      readonly columns: readonly string[];
    };

export function watchReducer(state: WatchState, action: WatchAction): WatchState {
  if (action.kind === 'sample') return withSample(state, action.sample);
  if (action.key.ctrl && action.input === 'c') return { ...state, mode: 'ended' };
  return state.mode === 'filter' ? filterKey(state, action.input, action.key) : tableKey(state, action);
}

function withSample(state: WatchState, sample: LagSample): WatchState {
  const newest: WatchView = {
    sample,
    history: new Map(
      sample.partitions.map(({ partition, lagEvents }) => {
        const before = state.newest?.history.get(partition) ?? [];
        // Stale numbers are no new ones: the history waits with them.
        return [partition, sample.stale ? before : [...before, lagEvents].slice(-HISTORY_SAMPLES)];
      }),
    ),
  };
  const known = new Set(state.incidents.map(({ message }) => message));
  const fresh = sample.incidents.filter(({ message }) => !known.has(message));
  return {
    ...state,
    newest,
    shown: state.paused ? state.shown : newest,
    incidents: [...fresh.map((incident) => ({ ...incident, at: sample.at })), ...state.incidents].slice(0, INCIDENTS_KEPT),
  };
}

function filterKey(state: WatchState, input: string, key: WatchKey): WatchState {
  if (key.return) return { ...state, mode: 'table' };
  if (key.escape) return { ...state, mode: 'table', filter: '', scroll: 0 };
  if (key.backspace || key.delete) return { ...state, filter: state.filter.slice(0, -1), scroll: 0 };
  if (key.ctrl || key.meta) return state;
  // eslint-disable-next-line no-control-regex
  return { ...state, filter: state.filter + input.replaceAll(/[\u0000-\u001F\u007F]/g, ''), scroll: 0 };
}

function tableKey(state: WatchState, { input, key, page, columns }: Extract<WatchAction, { kind: 'key' }>): WatchState {
  if (state.mode === 'ended') return state;
  if (state.mode === 'help') return { ...state, mode: input === 'q' ? 'ended' : 'table' };
  const scrolled = (lines: number): WatchState => {
    const count = shownPartitions(state).length;
    const most = count - visibleLines(count, page);
    return { ...state, scroll: Math.min(most, Math.max(0, Math.min(state.scroll, most) + lines)) };
  };
  if (key.upArrow) return scrolled(-1);
  if (key.downArrow) return scrolled(1);
  if (key.pageUp) return scrolled(-page);
  if (key.pageDown) return scrolled(page);
  if (key.escape) return { ...state, filter: '', laggingOnly: false, scroll: 0 };
  if (key.ctrl || key.meta) return state;
  switch (input) {
    case 's':
    case 'S': {
      const sort = nextShown(state.sort, columns, input === 's' ? 1 : -1);
      // What a person looks for is the most of everything, and partitions from 0.
      return { ...state, sort, descending: sort !== 'partition', scroll: 0 };
    }
    case 'r':
      return { ...state, descending: !state.descending };
    case '/':
      return { ...state, mode: 'filter' };
    case 'l':
      return { ...state, laggingOnly: !state.laggingOnly, scroll: 0 };
    case 'p':
    case ' ':
      return { ...state, paused: !state.paused, shown: state.paused ? state.newest : state.shown };
    case '?':
    case 'h':
      return { ...state, mode: 'help' };
    case 'q':
      return { ...state, mode: 'ended' };
    case 'k':
      return scrolled(-1);
    case 'j':
      return scrolled(1);
    case 'g':
      return scrolled(-Infinity);
    case 'G':
      return scrolled(Infinity);
    default:
      return state;
  }
}

/** The next column that is shown, in the order of all: the one sorted by may have been given up by a narrower terminal. */
function nextShown(sort: string, shown: readonly string[], step: 1 | -1): string {
  const count = SORT_COLUMNS.length;
  const from = SORT_COLUMNS.indexOf(sort);
  const turns = Array.from(SORT_COLUMNS, (_, n) => SORT_COLUMNS[(from + step * (n + 1) + 2 * count) % count] ?? 'partition');
  return turns.find((name) => shown.includes(name)) ?? sort;
}

/** Lines of `page` that show partitions: where they do not all fit, the last one says how many there are. */
export const visibleLines = (partitions: number, page: number): number =>
  partitions <= page ? partitions : Math.max(1, page - 1);

/**
 * The partitions that pass the filter, in the order chosen; equal ones by partition. A filter is a partition's number, or part of its
 * condition or of how it drains: `7`, `truncated`, `stalled`.
 */
export function shownPartitions(state: WatchState): readonly WatchedPartition[] {
  const column = WATCH_COLUMNS.find(({ name }) => name === state.sort);
  const wanted = state.filter.trim().toLowerCase();
  const holds = (partition: WatchedPartition): boolean =>
    (!state.laggingOnly || partition.lagEvents > 0) &&
    (wanted === '' ||
      String(partition.partition) === wanted ||
      partition.condition.includes(wanted) ||
      (/[a-z]/.test(wanted) && partition.drain.kind.replaceAll('_', ' ').includes(wanted)));
  const sign = state.descending ? -1 : 1;
  return (state.shown?.sample.partitions ?? [])
    .filter(holds)
    .toSorted((a, b) => (column ? sign * (column.value(a) - column.value(b)) : 0) || a.partition - b.partition);
}
