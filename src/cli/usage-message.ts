/** What the framework says of words and flags that it refuses, in the words of this tool: one line, the flag or argument first. */

/** The framework's errors, told apart by what they carry. */
interface Refused {
  readonly message: string;
  /** Arguments that are missing (with their names), or words that are too many. */
  readonly args?: readonly (string | { readonly name?: string; readonly description?: string })[] | undefined;
}

// eslint-disable-next-line no-control-regex
const COLOURS = /\u001B\[[\d;]*m/g;

type Rewrite = readonly [pattern: RegExp, text: string];

/** In the order tried; each stands for a whole line of the framework's. */
const REWRITES: readonly Rewrite[] = [
  [/^Missing required flag (.+)$/, '--$1 is missing'],
  [/^All of the following must be provided when using (--\S+): (.+)$/, '$1 works only together with $2'],
  [/^One of the following must be provided when using (--\S+): (.+)$/, '$1 works only together with one of $2'],
  [/^Only the following can be provided when using (--\S+): (.+)$/, 'with $1 only $2 can be given'],
  [/^(--[^\s=]+)(?:=.*)? cannot also be provided when using (--\S+)$/, '$1 and $2 cannot be given together'],
  [/^Exactly one of the following must be provided: (.+)$/, 'give exactly one of $1'],
  [/^At least one of the following must be provided: (.+)$/, 'give at least one of $1'],
  [/^Parsing (--\S+) Expected an? (.+) but received: (.*)$/, '$1: "$3" is no $2'],
  [/^Parsing (--\S+) (.+)$/, '$1: $2'],
  [/^Expected (--[^\s=]+)=(.*) to be one of: (.+)$/, '$1: "$2" is none of $3'],
  [/^Expected (.*) to be one of: (.+)$/, '"$1" is none of $2'],
  [/^Flag (--\S+) expects one of these values: (.+)$/, '$1 has no value: give one of $2'],
  [/^Flag (--\S+) expects a value$/, '$1 has no value'],
  [/^Flag (--\S+) can only be specified once$/, '$1 is given twice'],
  [/^Nonexistent flags?: (.+)$/, 'there is no flag $1'],
];

/** The message without the framework's headings, advice and colours. */
export function usageMessage({ message, args = [] }: Refused): string {
  const missing = args.flatMap((arg) => (typeof arg === 'string' ? [] : [arg]));
  if (message.startsWith('Missing ') && missing.length > 0) {
    const described = missing.map(
      ({ name = '', description }) => `${name.toUpperCase()}${description === undefined ? '' : ` (${description})`}`,
    );
    return `${described.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`;
  }
  if (args.length > 0 && message.startsWith('Unexpected argument')) {
    return `${args.map((word) => `"${String(word)}"`).join(', ')} ${args.length === 1 ? 'is one word' : 'are words'} too many`;
  }
  const lines = message
    .replaceAll(COLOURS, '')
    .replace(/\n+See more help with --help\s*$/, '')
    .replace(/^The following errors? occurred:\s*/, '')
    .replace(/^(Parsing --\S+) \s+/, '$1 ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.map(rewritten).join('; ');
}

function rewritten(line: string): string {
  const found = REWRITES.find(([pattern]) => pattern.test(line));
  return found ? line.replace(...found) : line;
}
