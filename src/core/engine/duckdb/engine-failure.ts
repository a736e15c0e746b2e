/** Failures of DuckDB itself as `KS_ENGINE`: above all, that memory or disk was not enough, and which of the two. */
import { KeystoneError, type KeystoneErrorOptions } from '../../errors.js';

const MORE_MEMORY = 'give the engine more memory: --set engine.memory=1GB, or ask for less at once';

/** `message` is DuckDB's. */
export function engineFailure(
  message: string,
  cause: unknown,
  details: NonNullable<KeystoneErrorOptions['details']>,
): KeystoneError {
  // Its limit for spilled blocks is what was free on the disk when it first looked, so both words mean a full disk.
  if (/failed to offload data block|max_temp_directory_size/.test(message)) {
    return new KeystoneError('KS_ENGINE', 'DuckDB has no space left on the disk to spill to (beside the state file)', {
      hint: `free disk space and run the same command again, or ${MORE_MEMORY}`,
      cause,
      details,
    });
  }
  const hint = /No space left on device|ENOSPC/.test(message)
    ? 'the disk is full: free space and run the same command again; nothing half-written counts'
    : /^Out of Memory/i.test(message)
      ? MORE_MEMORY
      : undefined;
  return new KeystoneError('KS_ENGINE', `DuckDB: ${message}`, { cause, details, ...(hint === undefined ? {} : { hint }) });
}
