/** What the keys do and what the words mean. */
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';

const LINES: readonly (readonly [left: string, right: string])[] = [
  ['q, Ctrl-C', 'quit'],
  ['s, S', 'sort by the next, by the previous column'],
  ['r', 'reverse the order'],
  ['/', 'filter: a partition, or truncated, stalled, ...'],
  ['l', 'only partitions with lag'],
  ['esc', 'show all partitions again'],
  ['p, space', 'pause what is shown (measuring goes on)'],
  ['arrows, j k g G', 'scroll'],
  ['', ''],
  ['END', 'one behind the newest event of the log'],
  ['COMMITTED', 'what the group committed: a hint for other tools'],
  ['LAKE', 'where bronze goes on: the truth'],
  ['BEHIND', 'age of the oldest event that is not in bronze'],
  ['IN/S, OUT/S', 'events appended and landed, over the window'],
  ['DRAIN', 'time until caught up at these rates'],
  ['growing', 'more events come than are landed'],
  ['stalled', 'events wait, none was landed for a while'],
  ['', ''],
  ['any key', 'back'],
];

export function WatchHelp({ height }: { readonly height: number }): ReactNode {
  return (
    <Box flexDirection="column" height={height}>
      {LINES.slice(0, height).map(([left, right], line) => (
        <Text key={line} wrap="truncate">{` ${left.padEnd(17)}${right}`}</Text>
      ))}
    </Box>
  );
}
