/**
 * What of bronze is not derived yet, in steps of bounded size: first a range that a crash left half done, exactly as it was begun,
 * then the rest file by file.
 */
import { filesHolding } from '../bronze/files-holding.js';
import { KeystoneError } from '../errors.js';
import { newestWith } from '../table/state-line.js';
import { decodeBound } from '../table/single-value.js';
import type { DataFile, TableState } from '../table/table-api.js';
import { changedContract, SUMMARY_CONTRACTS, SUMMARY_RANGE, SUMMARY_SILVER, type DeriveMode } from './derive-range.js';
import type { Derivation } from './derivation.js';
import { alreadyCovers, nextOffsetOf, parseRange, type TopicRange } from './offset-ranges.js';

export interface BacklogStep {
  readonly range: TopicRange;
  readonly mode: DeriveMode;
}

export interface StepLimits {
  readonly maxRows: number;
  /** Compressed bytes of bronze files. */
  readonly maxBytes: number;
}

/** The next step for `topic`, or null when everything in bronze is derived. Throws KS_CONTRACT_CHANGED, KS_TABLE_CORRUPT. */
export async function nextBacklogStep(derivation: Derivation, topic: string, limits: StepLimits): Promise<BacklogStep | null> {
  const { tables } = derivation;
  const dispositions = await tables.dispositions.state();
  const bronze = await tables.bronze.state();
  // A bronze that was rolled back is landed again first: a range is done from all of its events, or not yet.
  const ready = (step: BacklogStep): BacklogStep | null => (alreadyCovers(bronze.nextOffsets, step.range) ? step : null);
  const unfinished = await unfinishedSilver(derivation, dispositions);
  if (unfinished) return ready(unfinished);

  const done = (partition: number): number => nextOffsetOf(dispositions.nextOffsets, topic, partition);
  const ahead = await rangeOfTablesAhead(derivation, topic, done);
  if (ahead) return ready({ range: ahead, mode: { kind: 'all' } });

  const landed = [...(bronze.nextOffsets.get(topic) ?? [])]
    .map(([partition, toExclusive]) => ({ partition, from: done(partition), toExclusive }))
    .filter(({ from, toExclusive }) => from < toExclusive)
    .toSorted((a, b) => a.partition - b.partition);
  if (landed.length === 0) return null;
  const partitions = [];
  let rows = 0;
  let bytes = 0;
  for (const { partition, from, toExclusive } of landed) {
    const files = await filesHolding(tables.bronze, [{ topic, partition, from, toExclusive }]);
    let end = from;
    for (const file of files.toSorted((one, other) => lastOffset(one) - lastOffset(other))) {
      const upTo = Math.min(lastOffset(file) + 1, toExclusive);
      const fileRows = Math.max(0, Math.min(file.recordCount, upTo - end));
      const rowBytes = file.sizeBytes / file.recordCount;
      const fitting = Math.floor(Math.min(limits.maxRows - rows, (limits.maxBytes - bytes) / rowBytes));
      if (fileRows > fitting) {
        // A file that alone is larger than a step (compaction makes such) is taken in stretches of offsets.
        if (rows === 0) end = Math.max(end, firstOffset(file)) + Math.max(1, fitting);
        rows = limits.maxRows;
        break;
      }
      rows += fileRows;
      bytes += fileRows * rowBytes;
      end = Math.max(end, upTo);
    }
    // Behind the last file there may be a hole only.
    if (files.every((file) => lastOffset(file) < end)) end = toExclusive;
    if (end > from) partitions.push({ partition, from, toExclusive: Math.min(end, toExclusive) });
  }
  return { range: { topic, partitions }, mode: { kind: 'all' } };
}

const OFFSET_FIELD_ID = 3;

const firstOffset = (file: DataFile): number => offsetBound(file, file.metrics.lowerBounds);
const lastOffset = (file: DataFile): number => offsetBound(file, file.metrics.upperBounds);

function offsetBound(file: DataFile, bounds: ReadonlyMap<number, Uint8Array> | undefined): number {
  const bound = bounds?.get(OFFSET_FIELD_ID);
  if (!bound)
    throw new KeystoneError('KS_TABLE_CORRUPT', `${file.path} has no bound for kafka_offset`, {
      hint: 'keystone ledger verify --deep',
    });
  return Number(decodeBound('long', bound));
}

/** Dispositions hold a range whose silver is not complete: the builder died in between. */
async function unfinishedSilver({ tables, contracts }: Derivation, dispositions: TableState): Promise<BacklogStep | null> {
  const summary = newestWith(dispositions, SUMMARY_RANGE);
  if (!summary) return null;
  const range = parseRange(summary[SUMMARY_RANGE] as string);
  const datasets = new Set<string>();
  for (const dataset of JSON.parse(summary[SUMMARY_SILVER] ?? '[]') as string[]) {
    const table = tables.silver.get(dataset);
    if (!table || !alreadyCovers((await table.state()).nextOffsets, range)) datasets.add(dataset);
  }
  if (datasets.size === 0) return null;
  const changed = changedContract(summary, contracts, datasets);
  if (changed !== null) throw contractChanged(changed);
  return { range, mode: { kind: 'silverOnly', datasets } };
}

const contractChanged = (dataset: string): KeystoneError =>
  new KeystoneError('KS_CONTRACT_CHANGED', `events of ${dataset} are half done with another version of its contract`, {
    hint: `put the old contract of ${dataset} back, run "keystone consume run --until-caught-up" once, then deploy the new one`,
    details: { dataset },
  });

/** Error zone or quarantine took a range that dispositions did not: that very range comes again, so that its rest can be committed. */
async function rangeOfTablesAhead(
  { tables, contracts }: Derivation,
  topic: string,
  done: (partition: number) => number,
): Promise<TopicRange | null> {
  const ends = new Map<number, number>();
  for (const table of [tables.error, tables.quarantine]) {
    const state = await table.state();
    let isAhead = false;
    for (const [partition, next] of state.nextOffsets.get(topic) ?? []) {
      if (next <= done(partition)) continue;
      isAhead = true;
      ends.set(partition, Math.max(next, ends.get(partition) ?? 0));
    }
    // Quarantine holds what the contracts of then refused; dispositions by others would contradict it.
    const changed = isAhead ? changedContract(newestWith(state, SUMMARY_CONTRACTS) ?? {}, contracts) : null;
    if (changed !== null) throw contractChanged(changed);
  }
  if (ends.size === 0) return null;
  const partitions = [...ends]
    .toSorted(([a], [b]) => a - b)
    .map(([partition, toExclusive]) => ({ partition, from: done(partition), toExclusive }));
  return { topic, partitions };
}
