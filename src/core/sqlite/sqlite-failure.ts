/** What a failure of SQLite means to the person who runs Keystone: the cause in words, and what to do next. */
import { messageOf } from '../errors.js';

export interface SqliteFailure {
  readonly message: string;
  readonly hint: string;
}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** `what` names the thing, e.g. `the event log /p/.keystone/log.db`. */
export function describeSqliteFailure(error: unknown, what: string): SqliteFailure {
  const code = codeOf(error);
  const text = messageOf(error);
  if (code.startsWith('SQLITE_FULL') || code === 'ENOSPC' || /^SQLITE_IOERR_(WRITE|SHMSIZE)/.test(code))
    return {
      message: `No space left for ${what} (${text})`,
      hint: 'Free disk space and repeat: nothing of this operation was kept.',
    };
  if (/^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(code))
    return {
      message: `Another process keeps ${what} locked (${text})`,
      hint: 'Repeat; if it stays, see which process holds it: keystone doctor',
    };
  if (code.startsWith('SQLITE_NOTADB') || code.startsWith('SQLITE_CORRUPT'))
    return {
      message: `${capital(what)} is damaged or no SQLite file (${text})`,
      hint: 'Restore it from a backup, or name another path in keystone.yaml.',
    };
  if (
    code.startsWith('SQLITE_READONLY') ||
    code.startsWith('SQLITE_CANTOPEN') ||
    code === 'EACCES' ||
    code === 'EROFS' ||
    code === 'ENOTDIR'
  )
    return { message: `Can't open ${what} for writing (${text})`, hint: 'Check the path and its permissions: keystone doctor' };
  return {
    message: `${capital(what)} failed: ${text}${code === '' ? '' : ` (${code})`}`,
    hint: 'Check disk, path and permissions: keystone doctor',
  };
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
