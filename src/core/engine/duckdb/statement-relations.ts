/**
 * What a SQL text reads, taken from DuckDB's own parse tree (`json_serialize_sql`), never by searching the text: a name in a
 * comment or a literal is no table.
 */
import type { DuckSession } from './duck-session.js';
import type { TableName } from '../../table/table-api.js';

export type ParsedStatement =
  | {
      readonly kind: 'query';
      /** Schema-qualified names, in the order they appear, each once. */
      readonly tables: readonly TableName[];
      /** Unqualified names that are no CTE of the statement: never a lake table. */
      readonly bareNames: readonly string[];
      /** Functions in FROM, lower case. */
      readonly tableFunctions: readonly string[];
      /** Asks for a day of the week by `EXTRACT(DOW FROM x)`, which counts from Sunday here and from Monday in Trino. */
      readonly extractsWeekday: boolean;
      /** Reads the catalog itself (SHOW TABLES, information_schema), so every table must be known. */
      readonly readsCatalog: boolean;
    }
  /** Not one query: a statement that changes something, or several statements. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'syntaxError'; readonly message: string; readonly position: number | null };

interface Serialized {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly position?: string;
  readonly statements?: readonly unknown[];
}

/** Comments and an EXPLAIN [ANALYZE] before the query, which `json_serialize_sql` does not take. */
const EXPLAIN = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*explain(?:\s+analyze|\s*\([^)]*\))?(?=[\s(])/i;
const CATALOG_SCHEMAS: ReadonlySet<string> = new Set(['information_schema', 'pg_catalog']);

export async function parseStatement(session: DuckSession, sql: string): Promise<ParsedStatement> {
  const explain = EXPLAIN.exec(sql)?.[0] ?? '';
  const [row] = await session.rows<{ tree: string }>('SELECT json_serialize_sql($1::VARCHAR) AS tree', [
    sql.slice(explain.length),
  ]);
  const parsed = JSON.parse(row?.tree ?? '{"error":true}') as Serialized;
  if (parsed.error) {
    if (parsed.error_type === 'not implemented') return { kind: 'refused', reason: 'it is not a query' };
    const position = parsed.position === undefined ? null : Number(parsed.position) + explain.length;
    return { kind: 'syntaxError', message: parsed.error_message ?? 'not understood', position };
  }
  const statements = parsed.statements ?? [];
  if (statements.length !== 1) {
    return { kind: 'refused', reason: statements.length === 0 ? 'it is empty' : `it holds ${statements.length} statements` };
  }
  return relationsOf(statements[0]);
}

function relationsOf(tree: unknown): ParsedStatement {
  const tables = new Set<TableName>();
  const bareNames = new Set<string>();
  const commonTables = new Set<string>();
  const tableFunctions = new Set<string>();
  let readsCatalog = false;
  let extractsWeekday = false;
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (typeof node !== 'object' || node === null) return;
    const { type, cte_map: commonTableMap, schema_name: schema, table_name: name } = node as Record<string, unknown>;
    for (const { key } of (commonTableMap as { map?: readonly { key: string }[] } | undefined)?.map ?? [])
      commonTables.add(key.toLowerCase());
    if (type === 'BASE_TABLE') {
      if (schema === '') bareNames.add(String(name));
      else if (CATALOG_SCHEMAS.has(String(schema).toLowerCase())) readsCatalog = true;
      else tables.add(`${String(schema).toLowerCase()}.${String(name).toLowerCase()}`);
    } else if (type === 'SHOW_REF') {
      readsCatalog ||= (node as Record<string, unknown>)['query'] === null;
    } else if (type === 'TABLE_FUNCTION') {
      tableFunctions.add(String((node as { function?: { function_name?: string } }).function?.function_name).toLowerCase());
    }
    extractsWeekday ||= isWeekdayPart(node);
    Object.values(node).forEach(visit);
  };
  visit(tree);
  readsCatalog ||= [...tableFunctions].some((name) => name.startsWith('duckdb_') || name.startsWith('pragma_'));
  return {
    kind: 'query',
    tables: [...tables],
    bareNames: [...bareNames].filter((name) => !commonTables.has(name.toLowerCase())),
    tableFunctions: [...tableFunctions],
    extractsWeekday,
    readsCatalog,
  };
}

interface FunctionNode {
  readonly function_name?: unknown;
  readonly children?: readonly { readonly value?: { readonly value?: unknown } }[];
}

const isWeekdayPart = ({ function_name: name, children }: FunctionNode): boolean =>
  name === 'date_part' && ['dow', 'dayofweek', 'weekday'].includes(String(children?.[0]?.value?.value).toLowerCase());
