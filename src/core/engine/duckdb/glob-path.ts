/** DuckDB takes every path for a glob. */

/** The path with its glob characters (`*`, `?`, `[`) in brackets, which makes them plain ones. */
export const withoutGlob = (file: string): string => file.replaceAll(/[*?[]/g, (character) => `[${character}]`);
