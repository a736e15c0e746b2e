/** Which flags go with `--output arrow`. */
import { KeystoneError } from '../core/errors.js';

export interface ArrowFlags {
  readonly json?: boolean | undefined;
  readonly sort?: string | undefined;
  readonly filter?: readonly string[] | undefined;
  readonly columns?: string | undefined;
}

/** Throws KS_USAGE for what cannot be done to a stream that is never held, and for a stream that would end on a screen. */
export function checkArrowUse(flags: ArrowFlags, terminal: boolean): void {
  const refuse = (message: string, hint: string): never => {
    throw new KeystoneError('KS_USAGE', message, { hint });
  };
  if (flags.json === true) refuse('--json and --output arrow are two formats', 'give one of them');
  if (flags.sort !== undefined || flags.filter !== undefined || flags.columns !== undefined) {
    refuse('--sort, --filter and --columns do not work on an Arrow stream', 'write ORDER BY, WHERE and the columns in the SQL');
  }
  if (terminal)
    refuse('an Arrow stream is no text for a terminal', 'write it to a file: keystone query "…" --output arrow > result.arrows');
}
