/** `consume.*`: batches, memory and the group of `consume run`. */
import { z } from 'zod';
import { durationMs, sizeOfAtLeast } from './setting-values.js';

/** When a batch is full, and what the process may take. */
export const consumeConfig = z.strictObject({
  group: z
    .string()
    .default('lakehouse-enterprise-writers')
    .describe('Consumer group: on Kafka its members share the partitions of the topic; lag tools see its committed offsets'),
  // Measured: an idle process takes 185 MB, one that lands and derives 150,000 orders 485 MB however little it is given.
  maxMemory: sizeOfAtLeast('512MB', 'the process itself takes nearly that')
    .prefault('768MB')
    .describe('Bound on the memory of `consume run`, at least 512MB'),
  // Measured: batches of 100 KB take ten times as long as those of 6 MB, and each is a commit that leaves its files.
  flushBytes: sizeOfAtLeast('1MB', 'each batch is a commit')
    .prefault('256MB')
    .describe('Memory of events that makes a batch full (at most a share of maxMemory), at least 1MB'),
  flushRows: z.number().int().min(1).default(200_000).describe('Events that make a batch full'),
  flushInterval: durationMs.prefault('5s').describe('Longest time an event waits for its batch'),
  leaseTtl: durationMs
    .prefault('15s')
    .describe(
      'A builder that has not renewed its lease for this long may be replaced; on Kafka also the session in the group, at least 6s',
    ),
});
