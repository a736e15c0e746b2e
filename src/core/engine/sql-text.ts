/** Quoting of identifiers and literals, the same in DuckDB and Trino. Values are bound wherever a statement can take parameters. */

export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** `silver.orders` → `"silver"."orders"`. */
export const quoteQualified = (name: string): string => name.split('.').map(quoteIdentifier).join('.');
