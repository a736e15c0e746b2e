/** JSON for standard output: integers that a double cannot hold become strings, bytes become base64. */

/** A value that `--json` can print as it is. */
export type Printable = string | number | boolean | null | readonly Printable[] | { readonly [key: string]: Printable };

/** The value as JSON can hold it: bigint as a number while exact, else as a string; Date as ISO 8601; Map as an object; Set as an array. */
export function printable(value: unknown): Printable {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') {
    const small = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
    return small ? Number(value) : value.toString();
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (value instanceof Map) return printable(Object.fromEntries(value));
  if (value instanceof Set) return Array.from(value, printable);
  if (Array.isArray(value)) return value.map(printable);
  if (typeof value === 'object') {
    const held = Object.entries(value).filter(([, field]) => field !== undefined && typeof field !== 'function');
    return Object.fromEntries(held.map(([key, field]) => [key, printable(field)]));
  }
  return String(value);
}

/** One JSON text; `indent` 0 gives a single line. */
export const jsonText = (value: unknown, indent = 0): string => JSON.stringify(printable(value), undefined, indent);
