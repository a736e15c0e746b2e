/** `--engine` of the commands that compute over tables. */
import { Flags } from '@oclif/core';
import type { EngineName } from '../core/lakehouse.js';

/** Absent: the profile's engine. */
export const engineFlag = {
  engine: Flags.option({ options: ['duckdb', 'athena', 'trino'] as const satisfies readonly EngineName[] })({
    description: "Engine that computes (default: the profile's engine.adapter)",
  }),
};

/** `, 12.3 MB read by trino`; nothing for an engine in this process. */
export const readBy = ({ engine, bytesScanned }: { readonly engine: EngineName; readonly bytesScanned: number }): string =>
  engine === 'duckdb' ? '' : `, ${(bytesScanned / 1e6).toFixed(1)} MB read by ${engine}`;
