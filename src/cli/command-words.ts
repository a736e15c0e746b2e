/** What was typed behind a command, for what has to be known before its flags are parsed, or when that fails. */

/** The words up to the end of the flags (`--`). */
export function wordsOf(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}
