/** Flags that every command takes, and those that every list takes. */
import { Flags } from '@oclif/core';
import { OUTPUT_FORMATS } from './render-rows.js';

export const globalFlags = {
  json: Flags.boolean({ description: 'Print one JSON object: {"result", "warnings"} or {"error"}', helpGroup: 'GLOBAL' }),
  output: Flags.option({ options: OUTPUT_FORMATS, default: 'table' as const })({
    description: 'Format of the rows',
    helpGroup: 'GLOBAL',
  }),
  profile: Flags.string({ char: 'p', description: 'Profile of keystone.yaml to use', helpGroup: 'GLOBAL' }),
  config: Flags.string({ description: 'Path of keystone.yaml (default: looked for here and upwards)', helpGroup: 'GLOBAL' }),
  set: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'Override one setting, e.g. --set ingest.port=50052',
    helpValue: 'key=value',
    helpGroup: 'GLOBAL',
  }),
  quiet: Flags.boolean({ description: 'No progress and no total line', helpGroup: 'GLOBAL' }),
  verbose: Flags.boolean({ description: 'Say more, and print the stack of an error', helpGroup: 'GLOBAL' }),
  'log-format': Flags.option({ options: ['text', 'json'] as const })({
    description: 'What is written to standard error: lines for people, or one JSON object each (logging.format)',
    helpGroup: 'GLOBAL',
  }),
  'log-level': Flags.option({ options: ['debug', 'info', 'warn', 'error'] as const })({
    description: 'The least important line that is written (logging.level)',
    helpGroup: 'GLOBAL',
  }),
  'no-input': Flags.boolean({ description: 'Never ask; fail where an answer would be needed', helpGroup: 'GLOBAL' }),
};

/** What --json prints depends on the command, so the help says it at each flag. */
const rowFlags = (json: string) => ({
  columns: Flags.string({ description: `Columns to show, separated by commas (${json})`, helpGroup: 'LIST' }),
  sort: Flags.string({
    description: `Columns to sort by, separated by commas; -column or column:desc sorts downwards, empty cells are last (${json})`,
    helpGroup: 'LIST',
  }),
  filter: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: `Keep rows with column=value, column!=value or column~part; numbers by value (${json})`,
    helpGroup: 'LIST',
  }),
  limit: Flags.integer({ min: 0, description: `Most rows to show (${json})`, helpGroup: 'LIST' }),
});

/** For commands whose result is more than the rows that they print: `--json` gives it whole. */
export const listFlags = rowFlags('--json prints the whole result');

/** For commands that give their printed rows in `--json` too, with every column. */
export const shapedListFlags = {
  ...rowFlags('--json too'),
  columns: Flags.string({
    description: 'Columns to show, separated by commas (--json has every column)',
    helpGroup: 'LIST',
  }),
};

/** For lists that may be long: no more than `rows` are looked for unless `--limit` says so. */
export const longListFlags = (rows: number) => ({
  ...shapedListFlags,
  limit: Flags.integer({ min: 0, description: `Most rows to show, ${rows} unless given (--json too)`, helpGroup: 'LIST' }),
});
