/** Events that a server of this machine, which is gone, left in its spool. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { NewRecord } from '../../src/core/log/event-log.js';
import type { BatchName } from '../../src/core/log/named-appends.js';
import { openSlot } from '../../src/core/spool/spool-slot.js';
import { spoolFolder } from '../../src/core/spool/spool-folder.js';

export interface LeftEvents {
  readonly ids: readonly string[];
  readonly partition?: number;
  readonly atMs?: number;
  /** Under which they were sent together. */
  readonly name?: BatchName;
  readonly key?: string;
}

export const SPOOLED_MS = 1_500_000_000_000;

/** An event as a door makes it. */
export const spooledRecord = (id: string, partition: number, key?: string): NewRecord => ({
  partition,
  key: key === undefined ? null : Buffer.from(key),
  value: Buffer.from(`{"order_id":"${id}"}`),
  headers: Object.entries({
    'ks-event-id': id,
    'ks-dataset': 'orders',
    'ks-source': 'shop',
    'ks-received-at': String((SPOOLED_MS - 1) * 1000),
  }).map(([name, value]) => ({ key: name, value: Buffer.from(value) })),
});

/** One append for each of `left`; resolves to the slot's folder. */
export async function leaveInSpool(
  projectDir: string,
  topic: string,
  left: readonly LeftEvents[],
  { profile = 'local', slot = 'slot-0' } = {},
): Promise<string> {
  const folder = path.join(spoolFolder(path.join(projectDir, '.keystone/spool'), profile, topic), slot);
  await mkdir(folder, { recursive: true });
  const opened = await openSlot(folder, slot);
  for (const { ids, partition = 0, atMs = SPOOLED_MS, name = null, key } of left)
    await opened.append({ atMs, runs: [{ partition, records: ids.map((id) => spooledRecord(id, partition, key)), name }] });
  await opened.close();
  return folder;
}
