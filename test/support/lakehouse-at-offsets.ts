/** A lakehouse with a real log and state, whose tables are as far as the test says; its clock moves by hand. */
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { keystoneConfig, profileConfig, type ResolvedConfig } from '../../src/core/config/config.js';
import { openLakehouse, type Lakehouse } from '../../src/core/lakehouse.js';
import type { NewRecord } from '../../src/core/log/event-log.js';
import type { NextOffsets, Table } from '../../src/core/table/table-api.js';
import { systemEffects } from './effects.js';
import { tempDir } from './temp-dir.js';

export const TOPIC = 'olist-enterprise-events';
export const START_MS = 1_700_000_000_000;
export const recordFor = (partition: number): NewRecord => ({ partition, key: null, value: new Uint8Array(10), headers: [] });

/** Of the tables only their next offsets are there, by table name. */
export async function lakehouseAt(
  nextOffsets: Readonly<Record<string, NextOffsets>>,
): Promise<Lakehouse & { advance(ms: number): void }> {
  const dir = await tempDir();
  const { profiles: _, ...rest } = keystoneConfig.parse({});
  const config: ResolvedConfig = {
    ...rest,
    profileName: 'local',
    profile: profileConfig.parse({
      log: { path: path.join(dir, 'log.db'), partitions: 2 },
      state: { path: path.join(dir, 'state.db') },
      store: { path: path.join(dir, 'lake') },
    }),
    projectDir: dir,
    configPath: path.join(dir, 'keystone.yaml'),
  };
  let nowMs = START_MS;
  const lakehouse = openLakehouse(config, { ...systemEffects(), clock: { nowMs: () => nowMs, sleep: async () => undefined } });
  onTestFinished(() => lakehouse.close());
  return {
    ...lakehouse,
    table: async (name) => {
      const next = nextOffsets[name];
      return next === undefined
        ? null
        : ({
            state: async () => ({ nextOffsets: next, currentSnapshot: null, snapshots: [] }),
            metadata: async () => ({ metadata: { 'table-uuid': `uuid of ${name}` } }),
          } as unknown as Table);
    },
    advance: (ms) => void (nowMs += ms),
  };
}

export const offsetsAt = (...offsets: number[]): NextOffsets =>
  new Map([[TOPIC, new Map(offsets.map((offset, partition) => [partition, offset]))]]);
