/** `care.*`: the policy by which tables are compacted and their snapshots expire. */
import { z } from 'zod';
import { durationMs, sizeBytes } from './setting-values.js';

/** What is small, what is old, and how often `consume run` looks. */
export const careConfig = z.strictObject({
  automatic: z.boolean().default(true).describe('Whether `consume run` compacts and expires its tables by this policy'),
  everyCommits: z
    .number()
    .int()
    .min(1)
    .default(32)
    .describe('Derived ranges after which `consume run` looks whether a table needs care'),
  smallFile: sizeBytes.prefault('32MB').describe('Data files below this size are merged'),
  targetFile: sizeBytes.prefault('128MB').describe('Size up to which small files are merged'),
  minFiles: z.number().int().min(2).default(8).describe('Small files of a partition that are worth merging'),
  keepSnapshots: z.number().int().min(1).default(100).describe('Newest snapshots of a table that never expire'),
  keepFor: durationMs
    .prefault('15m')
    .describe('Snapshots younger than this never expire; at least 1m where `consume run` cares for tables'),
});
