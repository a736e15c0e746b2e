/** The watch on a terminal: header, total, a line for each partition, incidents, keys. Everything shown comes of the state. */
import { Box, Text, useInput, useStdin, useStdout } from 'ink';
import { useEffect, useReducer, useState, type ReactNode } from 'react';
import type { LagSample } from '../../core/lag/watch-lag.js';
import { durationText } from './amount-text.js';
import { PartitionTable } from './partition-table.js';
import { TotalLine } from './total-line.js';
import { watchLayout } from './watch-columns.js';
import { WatchHelp } from './watch-help.js';
import { INITIAL_WATCH, shownPartitions, watchReducer, type WatchState } from './watch-state.js';

export interface WatchLook {
  readonly colour: boolean;
  readonly unicode: boolean;
}

/** Hands samples to the screen; the function that comes back takes the screen off. */
export type SampleFeed = (show: (sample: LagSample) => void) => () => void;

interface WatchScreenProps {
  readonly feed: SampleFeed;
  readonly intervalMs: number;
  readonly look: WatchLook;
  /** Called once, when the person has asked to leave. */
  readonly onQuit: () => void;
}

/** Lines that are always there: header, total, a blank one, the table's head, the footer. */
const FIXED_LINES = 5;
const INCIDENT_LINES = 3;

export function WatchScreen({ feed, intervalMs, look, onQuit }: WatchScreenProps): ReactNode {
  const [state, dispatch] = useReducer(watchReducer, INITIAL_WATCH);
  const { isRawModeSupported } = useStdin();
  const size = useTerminalSize();
  const incidents = state.incidents.slice(0, INCIDENT_LINES);
  const error = state.shown?.sample.error ?? null;
  // A screen that fills the last line makes ink clear the terminal for each frame.
  const height = Math.max(FIXED_LINES + 1, size.rows - 1);
  const page = Math.max(1, height - FIXED_LINES - incidents.length - (error ? 1 : 0));
  const columns = watchLayout(size.columns).columns.map(({ name }) => name);
  useEffect(() => feed((sample) => dispatch({ kind: 'sample', sample })), [feed]);
  useEffect(() => {
    if (state.mode === 'ended') onQuit();
  }, [state.mode, onQuit]);
  useInput(
    (input, key) => {
      // Keys that were typed fast come together.
      const inputs = input.length > 1 ? [...input] : [input];
      for (const one of inputs) dispatch({ kind: 'key', input: one, key, page, columns });
    },
    // A standard input that is no terminal has no keys; Ctrl-C comes as a signal then.
    { isActive: isRawModeSupported === true },
  );
  if (state.mode === 'help') return <WatchHelp height={height} />;
  const partitions = shownPartitions(state);
  return (
    <Box flexDirection="column" width={size.columns} height={height}>
      <HeaderLine state={state} intervalMs={intervalMs} width={size.columns} look={look} />
      {error ? (
        <Text wrap="truncate" {...(look.colour ? { color: 'red' } : {})}>
          {`${error.code}: ${error.message}`}
        </Text>
      ) : null}
      <TotalLine sample={state.shown?.sample ?? null} look={look} />
      <Text> </Text>
      <PartitionTable state={state} partitions={partitions} width={size.columns} page={page} look={look} />
      <Box flexGrow={1} />
      {incidents.map(({ at, message }) => (
        <Text key={message} wrap="truncate" {...(look.colour ? { color: 'red' } : {})}>
          {`! ${at.slice(11, 19)}  ${message}`}
        </Text>
      ))}
      <FooterLine state={state} shown={partitions.length} look={look} />
    </Box>
  );
}

/** The clock stands at the right edge, so every width draws another screen: after a resize nothing of the old one is kept. */
function HeaderLine(props: {
  readonly state: WatchState;
  readonly intervalMs: number;
  readonly width: number;
  readonly look: WatchLook;
}): ReactNode {
  const { state, intervalMs, width, look } = props;
  const sample = state.shown?.sample;
  const left = sample ? `lag watch  ${sample.topic}  group ${sample.group}` : 'lag watch';
  const clock = sample ? `${sample.measuredAt.slice(11, 19)} UTC, every ${intervalMs / 1000} s` : '';
  const standing = state.paused
    ? pausedText(state)
    : sample?.stale
      ? `STALE for ${durationText((Date.parse(sample.at) - Date.parse(sample.measuredAt)) / 1000)}`
      : '';
  const right = [standing, clock].filter((text) => text !== '').join('  ');
  const room = Math.max(0, width - right.length - 1);
  const name = left.length > room ? `${left.slice(0, Math.max(0, room - 1))}${look.unicode ? '…' : '~'}` : left.padEnd(room);
  return (
    <Text wrap="truncate" bold={look.colour}>
      {room < 12 ? right.padStart(width) : `${name} ${right}`}
    </Text>
  );
}

function pausedText({ shown, newest }: WatchState): string {
  const since = (newest?.sample.sample ?? 0) - (shown?.sample.sample ?? 0);
  return since > 0 ? `PAUSED, ${since} samples since` : 'PAUSED';
}

function FooterLine({
  state,
  shown,
  look,
}: {
  readonly state: WatchState;
  readonly shown: number;
  readonly look: WatchLook;
}): ReactNode {
  if (state.mode === 'filter') return <Text wrap="truncate">{`/${state.filter}_   enter keeps it, esc takes it away`}</Text>;
  const all = state.shown?.sample.partitions.length ?? 0;
  const filters = [state.laggingOnly ? 'with lag' : '', state.filter === '' ? '' : `/${state.filter}`].filter(
    (text) => text !== '',
  );
  const narrowed = filters.length === 0 ? '' : `${shown} of ${all} partitions (${filters.join(', ')})   `;
  return (
    <Text wrap="truncate" dimColor={look.colour}>
      {`${narrowed}q quit  s sort  r reverse  / filter  l lagging  p pause  ? help`}
    </Text>
  );
}

function useTerminalSize(): { readonly columns: number; readonly rows: number } {
  const { stdout } = useStdout();
  const read = (): { columns: number; rows: number } => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 });
  const [size, setSize] = useState(read);
  useEffect(() => {
    const onResize = (): void => setSize(read());
    stdout.on('resize', onResize);
    return () => void stdout.off('resize', onResize);
  }, [stdout]);
  return size;
}
