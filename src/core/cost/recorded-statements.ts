/** Statements that stages run on a service, each recorded with what it read and costs. */
import { roundedDollars, type Spent } from '../engine/spent.js';
import type { StatementEngine, StatementOptions, StatementPurpose } from '../engine/statement-engine.js';
import { isKeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { estimateScan } from './estimate-scan.js';
import { requireWithin } from './scan-guard.js';
import { recordStatement, type StatementOutcome } from './statement-record.js';

/** Statements with a purpose are kept within the limit of bytes and recorded, those that failed too; the others (names, clean-up) read nothing. */
export function recordedStatements(lakehouse: Lakehouse, engine: StatementEngine): StatementEngine {
  let spent: Spent = { bytesScanned: 0, billedBytes: 0, dollars: 0 };
  const record = async (outcome: StatementOutcome): Promise<void> => {
    const { actualBytes, billedBytes, dollars } = await recordStatement(lakehouse, outcome);
    spent = {
      bytesScanned: spent.bytesScanned + actualBytes,
      billedBytes: spent.billedBytes + billedBytes,
      dollars: roundedDollars(spent.dollars + dollars),
    };
  };
  return {
    ...engine,
    spent: () => spent,
    execute: async (sql, options: StatementOptions = {}) => {
      const { purpose } = options;
      if (!purpose) return engine.execute(sql, options);
      const { command } = purpose;
      const tables = await readFrom(lakehouse, purpose, engine.name);
      requireWithin(
        tables.map(({ table, estimatedBytes: bytes }) => ({ table, bytes })),
        purpose.maxScan ?? lakehouse.config.profile.engine.maxScan,
      );
      const startedAtMs = lakehouse.effects.clock.nowMs();
      const estimatedBytes = tables.reduce((sum, table) => sum + table.estimatedBytes, 0);
      const facts = { engine: engine.name, command, estimatedBytes, tables, startedAtMs };
      let seenBytes = 0;
      const onProgress: StatementOptions['onProgress'] = (progress) => {
        seenBytes = progress.bytesScanned;
        options.onProgress?.(progress);
      };
      try {
        const answer = await engine.execute(sql, { ...options, onProgress });
        const { statementId: statement, bytesScanned: actualBytes } = answer;
        await record({ ...facts, statement, actualBytes, status: 'succeeded' });
        return answer;
      } catch (error) {
        const named = isKeystoneError(error) ? error.details?.['statement'] : undefined;
        const statement = typeof named === 'string' ? named : null;
        const status = options.signal?.aborted ? 'interrupted' : 'failed';
        // What never began costs nothing and is no statement.
        if (statement !== null) await record({ ...facts, statement, actualBytes: seenBytes, status });
        throw error;
      }
    },
  };
}

/** Each table once, as in the record. */
async function readFrom(
  lakehouse: Lakehouse,
  { tables, query }: StatementPurpose,
  reader: StatementEngine['name'],
): Promise<StatementPurpose['tables'][number][]> {
  const estimate = query ? await estimateScan(lakehouse, query.sql, reader) : null;
  const others = estimate?.tables.map(({ table, bytes }) => ({ table, estimatedBytes: bytes })) ?? query?.otherwise ?? [];
  const sums = new Map<string, number>();
  for (const { table, estimatedBytes } of [...tables, ...others]) sums.set(table, (sums.get(table) ?? 0) + estimatedBytes);
  return [...sums].map(([table, estimatedBytes]) => ({ table, estimatedBytes }));
}
