/**
 * JSON without loss of 64-bit integers: other engines' snapshot ids exceed 2^53. Integers that a double can't hold become
 * bigints; everything else is as JSON.parse gives it, so unknown fields of other writers survive a rewrite.
 */

export type Json = string | number | bigint | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

// Strings are matched whole, so digits inside them stay text.
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
// A lone surrogate can't occur in well-formed UTF-8, so no stored text can be mistaken for a mark.
const MARK = '\ud800big:';
const MARK_IN_JSON = String.raw`\ud800big:`;

/** Throws SyntaxError as JSON.parse does. */
export function parseJson(text: string): Json {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const marked = text.replace(TOKEN, (token) =>
    /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${MARK_IN_JSON}${token}"` : token,
  );
  if (marked.length === text.length) return JSON.parse(text);
  return JSON.parse(marked, (_, value) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  );
}

/** Compact JSON text; bigints as plain digits. */
export function toJson(value: Json): string {
  let marked = false;
  const text = JSON.stringify(value, (_, inner) => {
    if (typeof inner !== 'bigint') return inner;
    marked = true;
    return `${MARK}${inner}`;
  });
  return marked ? text.replaceAll(/"\\ud800big:(-?\d+)"/g, '$1') : text;
}
