/** Work that the level of degradation does not allow is refused before it begins: what it needs is away, or has to recover. */
import { KeystoneError } from '../errors.js';
import { allowanceAt, type Activity, type Degradation } from './degradation.js';

export interface Allowing {
  /** Somebody wants it all the same. */
  readonly force?: boolean;
  readonly hint?: string;
}

/** Throws KS_DEGRADED when the activity is off. Null (nobody knows) lets it through. `what` begins the message, e.g. `gold is not built`. */
export function requireAllowed(
  degradation: Degradation | null,
  activity: Activity,
  what: string,
  { force = false, hint = 'keystone degrade status says what each level leaves; --force does it all the same' }: Allowing = {},
): void {
  if (degradation === null || force || allowanceAt(degradation.level, activity) !== 'off') return;
  const { level, causes } = degradation;
  throw new KeystoneError('KS_DEGRADED', `${what}: the level of degradation is ${level} (${causes.join('; ')})`, {
    hint,
    details: { level, causes },
  });
}
