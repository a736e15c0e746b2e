/** `StatementEngine` on a service that runs SQL elsewhere: whole answers under the lake's names. */
import { quoteIdentifier } from '../sql-text.js';
import type { StatementEngine } from '../statement-engine.js';
import { gatherRows } from './gather-rows.js';
import type { RemoteService } from './remote-service.js';

export interface RemoteStatementsOptions {
  readonly service: RemoteService;
  /** Catalog of the service that holds the lake. */
  readonly catalog: string;
  /** Put before the lake's namespaces: `silver` is the database `<prefix>silver`. */
  readonly databasePrefix: string;
}

/** https://docs.aws.amazon.com/athena/latest/ug/service-limits.html, and `query.max-length` of Trino by default. */
const LONGEST = { athena: 262_144, trino: 1_000_000 } as const;

export const remoteStatements = ({ service, catalog, databasePrefix }: RemoteStatementsOptions): StatementEngine => ({
  name: service.name,
  maxStatementBytes: LONGEST[service.name],
  schemaSql: (namespace) => `${quoteIdentifier(catalog)}.${quoteIdentifier(`${databasePrefix}${namespace}`)}`,
  execute: async (sql, { signal, onProgress, hasRows = true } = {}) => {
    const statement = await service.run(sql, {
      hasRows,
      ...(signal ? { signal } : {}),
      ...(onProgress ? { onProgress } : {}),
    });
    const names = statement.columns.map(({ name }) => name);
    const { rows } = await gatherRows(statement, names, Number.POSITIVE_INFINITY);
    const columns = statement.columns.map(({ name, typeText }) => ({ name, type: typeText }));
    return { columns, rows, bytesScanned: statement.bytesScanned(), statementId: statement.id };
  },
});
