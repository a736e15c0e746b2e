/** DuckDB's refusals of a user's SQL as `KS_SQL`, with its own words and the place; a damaged data file is none of its writer's faults. */
import { KeystoneError, messageOf } from '../../errors.js';
import type { TableName } from '../../table/table-api.js';
import { damagedFile } from './damaged-file.js';
import { engineFailure } from './engine-failure.js';

/** Errors whose cause lies outside the statement: the engine's, not the writer's. */
const ENGINE_FAILURE = /^(?:IO|Out of Memory|Internal|FATAL|TransactionContext|Permission|HTTP)\b/i;

/** Line and column (from 1) of a byte position in the text. */
export function placeOf(sql: string, position: number): { readonly line: number; readonly column: number } {
  const before = Buffer.from(sql).subarray(0, position).toString().split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** The `LINE n: …` excerpt with a caret that DuckDB ends its message with, as line and column; null without one. */
function placeInMessage(message: string): { readonly line: number; readonly column: number } | null {
  const match = /\nLINE (\d+): ([^\n]*)\n( *)\^/.exec(message);
  if (!match || match[3] === undefined) return null;
  const prefix = `LINE ${match[1]}: `.length;
  const elided = match[2]?.startsWith('...') === true; // a long line is cut on the left: its column is unknown
  return { line: Number(match[1]), column: elided ? 1 : Math.max(1, match[3].length - prefix + 1) };
}

/** `error` came from preparing or running `sql`, which reads these tables. */
export function sqlFailure(error: unknown, sql: string, read: readonly TableName[]): KeystoneError {
  const message = messageOf(error);
  const damaged = damagedFile(message, error, read);
  if (damaged) return damaged;
  const details = { ...placeInMessage(message), sql: sql.slice(0, 500) };
  if (ENGINE_FAILURE.test(message)) {
    return engineFailure(message, error, details);
  }
  const hint = message.startsWith('Binder Error')
    ? 'keystone query "DESCRIBE silver.orders" lists the columns of a table'
    : undefined;
  return new KeystoneError('KS_SQL', message, { cause: error, details, ...(hint === undefined ? {} : { hint }) });
}
