/** What the terminal behind a stream can show. */

/** Colours only on a terminal, and only where NO_COLOR and TERM allow them. */
export const coloured = (stream: { readonly isTTY?: boolean }): boolean =>
  stream.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';

/** Box drawing and block characters: not on the Linux console, nor where the locale says that text is not UTF-8. */
export function showsUnicode(): boolean {
  if (process.env['TERM'] === 'linux' || process.env['TERM'] === 'dumb') return false;
  const locale = [process.env['LC_ALL'], process.env['LC_CTYPE'], process.env['LANG']].find((value) => (value ?? '') !== '');
  return locale === undefined || /utf-?8/i.test(locale);
}
