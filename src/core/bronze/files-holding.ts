/** Which data files of bronze may hold given offsets. */
import type { DataFile, Table } from '../table/table-api.js';

/** `[from, toExclusive)` of one topic-partition. */
export interface OffsetSpan {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly toExclusive: number;
}

/** Pruned by the files' column metrics; each file once, whatever spans it serves. */
export async function filesHolding(bronze: Table, spans: Iterable<OffsetSpan>): Promise<readonly DataFile[]> {
  const found = new Map<string, DataFile>();
  // One snapshot for all spans: a compaction in between would show the same events in two files.
  const { currentSnapshot } = await bronze.state();
  if (!currentSnapshot) return [];
  for (const { topic, partition, from, toExclusive } of spans) {
    const { files } = await bronze.scan({
      snapshotId: currentSnapshot.id,
      bounds: [
        { column: 'topic', min: topic, max: topic },
        { column: 'kafka_partition', min: partition, max: partition },
        { column: 'kafka_offset', min: from, max: toExclusive - 1 },
      ],
    });
    for (const file of files) found.set(file.path, file);
  }
  return [...found.values()];
}
