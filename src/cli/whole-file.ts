/** A file of the user's that is written whole or not at all. */
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError, messageOf } from '../core/errors.js';

/** KS_USAGE when something lies there that may not be replaced; asked for before the work whose result the file is to hold. */
export async function refuseExisting(file: string, replace: boolean): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory())
    throw new KeystoneError('KS_USAGE', `${file} is a folder`, { hint: `name a file in it: ${path.join(file, 'page.html')}` });
  if (found && !replace) throw exists(file);
}

const exists = (file: string): KeystoneError =>
  new KeystoneError('KS_USAGE', `${file} exists already`, { hint: 'give it another name, or replace it with --force' });

/** Under another name first, on disk, then in its place: a reader sees the old file or the new one. KS_STORE when it can't be written. */
export async function writeWholeFile(file: string, text: string, replace: boolean): Promise<void> {
  const draft = `${file}.${randomBytes(4).toString('hex')}.part`;
  try {
    const handle = await open(draft, 'wx');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link fails where a file is, also one that came since it was looked for.
    await (replace ? rename(draft, file) : link(draft, file));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') throw exists(file);
    throw new KeystoneError('KS_STORE', `${file} could not be written: ${messageOf(cause)}`, {
      hint: `ls -ld ${path.dirname(path.resolve(file))}; df -h ${path.dirname(path.resolve(file))}`,
      cause,
    });
  } finally {
    await rm(draft, { force: true });
  }
}
