/** The flags by which every command over rejected events chooses them. */
import { Flags } from '@oclif/core';
import type { RejectedFilter } from '../core/quarantine/rejected-filter.js';

export const rejectedFlags = {
  zone: Flags.string({ options: ['quarantine', 'error', 'all'], default: 'all', description: 'Which zone to look in' }),
  dataset: Flags.string({ description: 'Only events of this dataset' }),
  reason: Flags.string({
    description: 'Only reasons that begin so (rule:, missing:customer_id, invalid_json), or with * for any text (rule:*_date)',
  }),
  source: Flags.string({ description: "Only events of this producer's label" }),
  since: Flags.string({
    aliases: ['from'],
    description: 'From this day or UTC moment on, or since so long ago: 90m, 24h, 7d, 2w',
  }),
  until: Flags.string({ aliases: ['to'], description: 'Up to this day (included) or before this UTC moment' }),
};

/** Which time `--since` and `--until` mean. */
export const timeFlag = (byDefault: RejectedFilter['time']) =>
  Flags.string({
    options: ['processed', 'logged'],
    default: byDefault,
    description: 'What --since and --until mean: when the event was rejected, or when the log took it',
  });

/** The flags as parsed. */
export interface GivenRejectedFlags {
  readonly zone: string;
  readonly dataset?: string | undefined;
  readonly reason?: string | undefined;
  readonly source?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly time: string;
}

/** What they choose; flags that were not given are absent. */
export const rejectedFilter = (flags: GivenRejectedFlags): RejectedFilter => ({
  zone: flags.zone === 'error' || flags.zone === 'quarantine' ? flags.zone : 'all',
  time: flags.time === 'logged' ? 'logged' : 'processed',
  ...(flags.dataset === undefined ? {} : { dataset: flags.dataset }),
  ...(flags.reason === undefined ? {} : { reason: flags.reason }),
  ...(flags.source === undefined ? {} : { source: flags.source }),
  ...(flags.since === undefined ? {} : { since: flags.since }),
  ...(flags.until === undefined ? {} : { until: flags.until }),
});
