/** A result longer than what is read of it, where the part alone would be a wrong answer. */
import { KeystoneError } from '../core/errors.js';

/** `most` rows were read; `picks`: to sort or filter them. */
export function tooManyRows(most: number, picks: boolean): KeystoneError {
  const cap = most.toLocaleString('en-US');
  return picks
    ? new KeystoneError('KS_USAGE', `the result has more than the ${cap} rows that --sort and --filter can read`, {
        hint: 'put ORDER BY, WHERE and LIMIT into the SQL',
      })
    : new KeystoneError('KS_USAGE', `the result has more than the ${cap} rows that are read without --limit`, {
        hint: '--limit N reads N rows; or put WHERE or LIMIT into the SQL',
      });
}
