/** A command as it was typed, for a hint that can be pasted into a shell. */

const PLAIN = /^[\w@%+=:,./-]+$/;

/** What a shell would split or expand is quoted. */
export const quoted = (argument: string): string => (PLAIN.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`);

/** `command` and its arguments, without those in `leftOut`. */
export const commandLine = (command: string, argv: readonly string[], leftOut: readonly string[] = []): string =>
  [command, ...argv.filter((argument) => !leftOut.includes(argument)).map(quoted)].join(' ');
