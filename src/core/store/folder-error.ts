/** What a failed file operation means to the person who runs Keystone: KS_STORE with the path, the cause and the next step. */
import { KeystoneError, isKeystoneError, messageOf } from '../errors.js';

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC:
    'The disk is full: free space on the volume of the lake folder and run the same command again; nothing half-written counts.',
  EDQUOT: 'The disk quota is used up: free space or raise the quota, then run the same command again.',
  EACCES: 'Give this user read and write permission on the lake folder, or set profiles.<name>.store.path to another folder.',
  EPERM: 'Give this user read and write permission on the lake folder, or set profiles.<name>.store.path to another folder.',
  EROFS: 'The volume is mounted read-only: mount it writable, or set profiles.<name>.store.path to another folder.',
  EMFILE: 'Too many files are open: raise the limit (ulimit -n 4096) and run the same command again.',
  EXDEV: 'Source and lake folder lie on different volumes: put the file into the staging folder of the store first.',
  ENOTDIR: 'A file stands where the lake needs a folder: move it away.',
};

/** The `code` of a Node system error, or undefined. */
export const systemErrorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

const OF_FILES = new Set([...Object.keys(HINTS), 'ENOENT', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'EIO', 'ENAMETOOLONG']);

/** What failed is a file of this machine, not the network: both come as system errors. */
export const isFileFailure = (error: unknown): boolean => OF_FILES.has(systemErrorCode(error) ?? '');

export function folderError(action: string, path: string, cause: unknown): KeystoneError {
  if (isKeystoneError(cause)) return cause;
  const code = systemErrorCode(cause);
  return new KeystoneError('KS_STORE', `Could not ${action} ${path}: ${messageOf(cause)}`, {
    hint: HINTS[code ?? ''] ?? 'Check the lake folder with ls -la and df -h, then run the same command again.',
    cause,
    details: { path, cause: code ?? null },
  });
}
