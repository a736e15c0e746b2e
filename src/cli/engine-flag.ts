/** `--engine` of the commands that compute over tables. */
import { Flags } from '@oclif/core';
import { KeystoneError } from '../core/errors.js';
import type { EngineName, Lakehouse } from '../core/lakehouse.js';
import { sizeFlagBytes } from './size-flag.js';
import { sizeText } from './size-text.js';

/** Absent: the profile's engine. */
export const engineFlag = {
  engine: Flags.option({ options: ['duckdb', 'athena', 'trino'] as const satisfies readonly EngineName[] })({
    description: "Engine that computes (default: the profile's engine.adapter)",
  }),
  'max-scan': Flags.string({
    description: 'Refuse a statement for Athena or Trino that is estimated to read more, e.g. 10GB; default: engine.maxScan',
  }),
};

/** What the flags say, as options of the function that computes. KS_USAGE for a limit to an engine that bills nothing. */
export function engineChoice(
  flags: { readonly engine?: EngineName | undefined; readonly 'max-scan'?: string | undefined },
  { config }: Pick<Lakehouse, 'config'>,
): { readonly engine: EngineName; readonly maxScan?: number } {
  const engine = flags.engine ?? config.profile.engine.adapter;
  const limit = flags['max-scan'];
  if (limit === undefined) return { engine };
  const maxScan = sizeFlagBytes('max-scan', limit);
  if (engine !== 'duckdb') return { engine, maxScan };
  throw new KeystoneError('KS_USAGE', '--max-scan bounds what Athena and Trino read, and DuckDB computes here', {
    hint: 'leave --max-scan out, or give --engine athena or --engine trino',
  });
}

/** `, 12.3 MB read by athena for $0.000062`; nothing for an engine in this process. */
export function readBy({ engine, bytesScanned, dollars = 0 }: Reading): string {
  if (engine === 'duckdb') return '';
  return `, ${sizeText(bytesScanned)} read by ${engine}${dollars === 0 ? '' : ` for $${dollars.toFixed(6)}`}`;
}

interface Reading {
  readonly engine: EngineName;
  readonly bytesScanned: number;
  readonly dollars?: number;
}
