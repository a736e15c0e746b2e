/** The columns of the watch: their texts, how they sort, and which of them a terminal of some width can show. */
import type { WatchedPartition } from '../../core/lag/watch-lag.js';
import { drainText, durationText, rateText, wholeText } from './amount-text.js';

export interface WatchColumn {
  readonly name: string;
  readonly title: string;
  /** Characters, numbers of a billion events included. */
  readonly width: number;
  readonly text: (partition: WatchedPartition) => string;
  /** What it is ordered by; what is unknown counts as least. */
  readonly value: (partition: WatchedPartition) => number;
}

/** By drain: those that will not catch up are worse than the slowest that does. */
const drainValue = ({ drain }: WatchedPartition): number => {
  switch (drain.kind) {
    case 'caught_up':
      return 0;
    case 'draining':
      return drain.seconds;
    case 'unknown':
      return Number.MAX_VALUE / 8;
    case 'steady':
      return Number.MAX_VALUE / 4;
    case 'growing':
      return Number.MAX_VALUE / 2;
    case 'stalled':
      return Number.MAX_VALUE;
  }
};

/** In the order shown. */
export const WATCH_COLUMNS: readonly WatchColumn[] = [
  { name: 'partition', title: 'PART', width: 5, text: (p) => String(p.partition), value: (p) => p.partition },
  { name: 'end', title: 'END', width: 13, text: (p) => wholeText(p.endOffset), value: (p) => p.endOffset },
  {
    name: 'committed',
    title: 'COMMITTED',
    width: 13,
    text: (p) => (p.committedOffset === null ? '-' : wholeText(p.committedOffset)),
    value: (p) => p.committedOffset ?? -1,
  },
  { name: 'lake', title: 'LAKE', width: 13, text: (p) => wholeText(p.lakeOffset), value: (p) => p.lakeOffset },
  { name: 'lag', title: 'LAG', width: 11, text: (p) => wholeText(p.lagEvents), value: (p) => p.lagEvents },
  { name: 'behind', title: 'BEHIND', width: 8, text: (p) => durationText(p.lagSeconds), value: (p) => p.lagSeconds },
  { name: 'in', title: 'IN/S', width: 7, text: (p) => rateText(p.inPerSecond), value: (p) => p.inPerSecond ?? -1 },
  { name: 'out', title: 'OUT/S', width: 7, text: (p) => rateText(p.outPerSecond), value: (p) => p.outPerSecond ?? -1 },
  { name: 'drain', title: 'DRAIN', width: 8, text: (p) => drainText(p.drain), value: drainValue },
];

export const SORT_COLUMNS: readonly string[] = WATCH_COLUMNS.map(({ name }) => name);

/** What a narrow terminal gives up first comes first; partition and lag stay whatever the width. */
const GIVEN_UP = ['committed', 'end', 'lake', 'history', 'in', 'out', 'behind', 'drain'];
const GAP = 2;
const HISTORY = { least: 10, most: 60 };

export interface WatchLayout {
  readonly columns: readonly WatchColumn[];
  /** Characters of the sparkline; 0: not shown. */
  readonly historyWidth: number;
}

/** The columns that fit into `width` characters; the lag's history takes what is left. */
export function watchLayout(width: number): WatchLayout {
  const gone = new Set<string>();
  const shown = (): readonly WatchColumn[] => WATCH_COLUMNS.filter(({ name }) => !gone.has(name));
  const left = (): number => width - shown().reduce((sum, column) => sum + column.width + GAP, -GAP);
  for (const name of GIVEN_UP) {
    if (left() >= (gone.has('history') ? 0 : HISTORY.least + GAP)) break;
    gone.add(name);
  }
  return { columns: shown(), historyWidth: gone.has('history') ? 0 : Math.min(HISTORY.most, left() - GAP) };
}

/** Cells of one line, each in its column's width, numbers to the right. */
export const watchLine = (columns: readonly WatchColumn[], cell: (column: WatchColumn) => string): string =>
  columns.map((column) => cell(column).padStart(column.width)).join(' '.repeat(GAP));
