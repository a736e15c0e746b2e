/** Quoting of identifiers and literals, the same in DuckDB and Trino. Values are bound wherever a statement can take parameters. */

export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A NUL would end the statement's text where it stands, so it is put in as `chr(0)`. */
export function quoteLiteral(text: string): string {
  const parts = text.split('\0').map((part) => `'${part.replaceAll("'", "''")}'`);
  return parts.length === 1 ? (parts[0] as string) : `(${parts.join(' || chr(0) || ')})`;
}

/** `silver.orders` → `"silver"."orders"`. */
export const quoteQualified = (name: string): string => name.split('.').map(quoteIdentifier).join('.');
