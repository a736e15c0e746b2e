/** What the terminal behind a stream can show. */

/** Colours only on a terminal, and only where NO_COLOR and TERM allow them. */
export const coloured = (stream: { readonly isTTY?: boolean }): boolean =>
  stream.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
