/** `--sort`: columns with a direction, written `-column`, `column:desc` or `column:asc`. */

/**
 * The arguments with every `-column` of `--sort` as `column:desc`: the parser would take a value that begins with a dash and the
 * letter of a short flag for that flag (`--sort -name` where there is `-n`). What follows `--` is left alone.
 */
export function withReadableSort(argv: readonly string[]): string[] {
  const rewritten: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? '';
    if (argument === '--') return [...rewritten, ...argv.slice(index)];
    const next = argv[index + 1];
    if (argument === '--sort' && next !== undefined && /^-[^-]/.test(next)) {
      rewritten.push(`--sort=${withoutDashes(next)}`);
      index += 1;
    } else if (argument.startsWith('--sort=')) {
      rewritten.push(`--sort=${withoutDashes(argument.slice('--sort='.length))}`);
    } else {
      rewritten.push(argument);
    }
  }
  return rewritten;
}

const withoutDashes = (keys: string): string =>
  keys
    .split(',')
    .map((key) => key.trim())
    .map((key) => (/^-[^-]/.test(key) ? `${key.slice(1)}:desc` : key))
    .join(',');

/** Sign -1 sorts downwards. */
export interface SortKey {
  readonly column: string;
  readonly sign: 1 | -1;
}

/** `isColumn` settles a column whose own name looks like a direction. */
export function sortKeyOf(text: string, isColumn: (name: string) => boolean): SortKey {
  if (isColumn(text)) return { column: text, sign: 1 };
  if (text.startsWith('-')) return { column: text.slice(1), sign: -1 };
  const match = /^(.*):(asc|desc)$/i.exec(text);
  return match ? { column: match[1] ?? '', sign: match[2]?.toLowerCase() === 'desc' ? -1 : 1 } : { column: text, sign: 1 };
}
