/** Flags of `query`, and what they say of the question. */
import { Flags } from '@oclif/core';
import type { EngineName, Lakehouse } from '../core/lakehouse.js';
import type { LakeQuestion } from '../core/query/ask-lake.js';
import { shapedListFlags } from './keystone-command.js';
import { OUTPUT_FORMATS } from './render-rows.js';
import { sizeFlagBytes } from './size-flag.js';
import { tooManyRows } from './too-many-rows.js';

/** Rows read without --limit, --sort and --filter: by a person, and by a program, whose answer is one JSON text or one file. */
const SCREEN_ROWS = 10_000;
const PROGRAM_ROWS = 250_000;
/** Rows read at most to sort or filter them. */
const MOST_ROWS_SHAPED = 1_000_000;

export const queryFlags = {
  ...shapedListFlags,
  output: Flags.option({ options: [...OUTPUT_FORMATS, 'arrow'] as const, default: 'table' as const })({
    description: 'Format of the rows; arrow is an Arrow IPC stream',
    helpGroup: 'GLOBAL',
  }),
  dialect: Flags.string({
    options: ['duckdb', 'athena'],
    default: 'duckdb',
    description: 'How functions and operators of the same name are meant; Athena and Trino speak their own',
  }),
  engine: Flags.string({
    options: ['duckdb', 'athena', 'trino'],
    description: 'Engine that answers; default: engine.adapter of the profile',
  }),
  'max-scan': Flags.string({
    description: 'Refuse a statement that is estimated to read more, e.g. 10GB; default: engine.maxScan',
  }),
  'allow-full-scan': Flags.boolean({
    default: false,
    description: 'Let Athena or Trino read a partitioned table without a condition on its partitions',
  }),
  fallback: Flags.boolean({
    default: true,
    allowNo: true,
    description: 'Whether another way answers when Athena or Trino is away',
  }),
};

export interface QueryChoice {
  readonly engine?: string | undefined;
  readonly dialect: string;
  readonly 'max-scan'?: string | undefined;
  readonly 'allow-full-scan': boolean;
  readonly fallback: boolean;
  readonly limit?: number | undefined;
  readonly sort?: string | undefined;
  readonly filter?: readonly string[] | undefined;
}

/** `reader`: who gets the rows, which bounds them without --limit. Throws KS_USAGE for a size that is none. */
export function questionOf(
  sql: string,
  flags: QueryChoice,
  { config }: Pick<Lakehouse, 'config'>,
  reader: 'person' | 'program' | 'stream',
): Omit<LakeQuestion, 'signal' | 'onProgress'> {
  const bound = { person: SCREEN_ROWS, program: PROGRAM_ROWS, stream: Number.POSITIVE_INFINITY }[reader];
  return {
    sql,
    engine: (flags.engine ?? config.profile.engine.adapter) as EngineName,
    dialect: flags.dialect === 'athena' ? 'athena' : 'engine',
    maxRows: picksRows(flags) ? MOST_ROWS_SHAPED : (flags.limit ?? bound),
    ...(flags['max-scan'] === undefined ? {} : { maxScan: sizeFlagBytes('max-scan', flags['max-scan']) }),
    allowFullScan: flags['allow-full-scan'],
    mayFallBack: flags.fallback,
    command: 'query',
  };
}

const picksRows = ({ sort, filter }: QueryChoice): boolean => sort !== undefined || filter !== undefined;

/**
 * Whether a person is to be told that the rows are not all. Throws KS_USAGE where a part of them would be a wrong answer: to a program, and
 * to who sorts or filters.
 */
export function isCut(truncated: boolean, most: number, flags: QueryChoice, reader: 'person' | 'program'): boolean {
  const picks = picksRows(flags);
  if (!truncated || (!picks && flags.limit !== undefined)) return false;
  if (!picks && reader === 'person') return true;
  throw tooManyRows(most, picks);
}
