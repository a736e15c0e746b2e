/** One thing that the doctor looked at, and what to do about it. */
import { isKeystoneError, messageOf, type ErrorCode } from '../errors.js';

export interface DoctorCheck {
  /** e.g. `node`, `disk.fsync`, `ingest port`. */
  readonly check: string;
  /** `failed`: some command will not work. `warning`: it works, worse than it could. `skipped`: what it needs failed. */
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  /** What was found. */
  readonly found: string;
  /** What to do; null when nothing is to be done. */
  readonly fix: string | null;
  /** The error a command would end with; null unless failed. */
  readonly code: ErrorCode | null;
}

export const ok = (check: string, found: string): DoctorCheck => ({ check, status: 'ok', found, fix: null, code: null });
export const warning = (check: string, found: string, fix: string): DoctorCheck => ({
  check,
  status: 'warning',
  found,
  fix,
  code: null,
});
export const skipped = (check: string, found: string): DoctorCheck => ({
  check,
  status: 'skipped',
  found,
  fix: null,
  code: null,
});
export const failed = (check: string, code: ErrorCode, found: string, fix: string): DoctorCheck => ({
  check,
  status: 'failed',
  found,
  fix,
  code,
});

/** A check that throws has failed, with the error's own code and hint where it has them. */
export async function examine(check: string, otherwise: ErrorCode, look: () => Promise<DoctorCheck>): Promise<DoctorCheck> {
  try {
    return await look();
  } catch (error) {
    const code = isKeystoneError(error) ? error.code : otherwise;
    const hint = isKeystoneError(error) ? error.hint : undefined;
    return failed(check, code, messageOf(error), hint ?? 'correct the cause, then keystone doctor again');
  }
}
