/** The partitions as lines, with the history of their lag. */
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import type { WatchedPartition } from '../../core/lag/watch-lag.js';
import { sparkline } from './sparkline.js';
import { watchLayout, watchLine, type WatchColumn } from './watch-columns.js';
import type { WatchLook } from './watch-screen.js';
import { visibleLines, type WatchState } from './watch-state.js';

interface PartitionTableProps {
  readonly state: WatchState;
  /** In the order shown. */
  readonly partitions: readonly WatchedPartition[];
  /** Columns of the terminal. */
  readonly width: number;
  /** Lines for partitions. */
  readonly page: number;
  readonly look: WatchLook;
}

/** Red: somebody must act. Yellow: it falls behind. */
function colourOf({ condition, drain }: WatchedPartition): string | undefined {
  if (condition !== 'ok' || drain.kind === 'stalled') return 'red';
  return drain.kind === 'growing' ? 'yellow' : undefined;
}

export function PartitionTable({ state, partitions, width, page, look }: PartitionTableProps): ReactNode {
  const { columns, historyWidth } = watchLayout(width);
  const mark = look.unicode ? (state.descending ? '▼' : '▲') : state.descending ? 'v' : '^';
  const title = ({ name, title, width: cells }: WatchColumn): string =>
    name === state.sort ? `${mark}${title}`.slice(0, Math.max(cells, title.length + 1)) : title;
  const visible = visibleLines(partitions.length, page);
  const from = Math.min(state.scroll, partitions.length - visible);
  const lines = partitions.slice(from, from + visible);
  const history = state.shown?.history;
  return (
    <Box flexDirection="column">
      <Text wrap="truncate" bold={look.colour}>
        {watchLine(columns, title) + (historyWidth > 0 ? `  ${historyWidth < 13 ? 'HISTORY' : 'LAG OVER TIME'}` : '')}
      </Text>
      {lines.map((partition) => {
        const colour = look.colour ? colourOf(partition) : undefined;
        const cells = watchLine(columns, (column) => column.text(partition));
        const bars =
          historyWidth > 0 ? `  ${sparkline(history?.get(partition.partition) ?? [], historyWidth, look.unicode)}` : '';
        return (
          <Text key={partition.partition} wrap="truncate" {...(colour === undefined ? {} : { color: colour })}>
            {cells + bars}
          </Text>
        );
      })}
      {partitions.length === 0 && state.shown !== null ? (
        <Text wrap="truncate">No partition passes the filter (esc).</Text>
      ) : null}
      {visible < partitions.length ? (
        <Text wrap="truncate">{`${from + 1}-${from + lines.length} of ${partitions.length}, arrows scroll`}</Text>
      ) : null}
    </Box>
  );
}
