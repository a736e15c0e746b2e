/** Who runs this command, as the history of what people did names them. */
import os from 'node:os';

/** `user@host`; a user that the system has no name for is its number. */
export function whoAmI(): string {
  try {
    return `${os.userInfo().username}@${os.hostname()}`;
  } catch {
    return `${process.getuid?.() ?? 'somebody'}@${os.hostname()}`;
  }
}
