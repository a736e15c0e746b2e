/** The terminal's second screen: what the watch draws is gone with it, and what was there before comes back. */
import { writeSync } from 'node:fs';

const ENTER = '\u001B[?1049h\u001B[2J\u001B[H';
/** The cursor is shown again: whoever hid it may not have come to that. */
const LEAVE = '\u001B[?1049l\u001B[?25h';

/**
 * Enters it, and returns how to leave (any number of times). It is left when the process exits, too, by an error or a second
 * signal: written at once then, since nothing asynchronous happens any more.
 */
export function enterAlternateScreen(stdout: NodeJS.WriteStream): () => void {
  let entered = true;
  const leaveAtOnce = (): void => {
    if (!entered) return;
    entered = false;
    try {
      writeSync(1, LEAVE);
    } catch {
      // The terminal itself is gone.
    }
  };
  process.on('exit', leaveAtOnce);
  stdout.write(ENTER);
  return () => {
    process.off('exit', leaveAtOnce);
    if (entered) stdout.write(LEAVE);
    entered = false;
  };
}
