/** Counts the failing rows of every check in one scan of a partition. */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteIdentifier } from '../engine/sql-text.js';
import type { PlannedCheck } from './planned-check.js';

export interface FailureCounts {
  readonly rows: number;
  /** Check name → failing rows; checks without a failing row may be absent. */
  readonly failing: ReadonlyMap<string, number>;
}

/** One byte per row check and one hash per uniqueness check, for each row; spills to disk when memory is short. */
const VERDICTS = 'partition_verdicts';

/**
 * `rowsSql` is a relation with the dataset's columns. A row counts as a duplicate when its values occur more than once, all
 * occurrences counted; a null among them is no value.
 */
export async function countFailures(
  session: DuckSession,
  rowsSql: string,
  checks: readonly PlannedCheck[],
): Promise<FailureCounts> {
  const rowChecks = checks.flatMap((check) => (check.failsSql === null ? [] : [{ name: check.name, failsSql: check.failsSql }]));
  const unique = checks.filter((check) => check.kind === 'unique');
  const flags = rowChecks.map((check, index) => `${check.failsSql} AS f${index}`);
  const hashes = unique.map(
    (check, index) => `CASE WHEN ${anyNull(check)} THEN NULL ELSE hash(${names(check)}) END AS h${index}`,
  );
  const verdicts = `SELECT ${[...flags, ...hashes, 'true AS present'].join(', ')} FROM ${rowsSql}`;
  // Without uniqueness nothing has to be remembered about a row.
  if (unique.length > 0) await session.run(`CREATE OR REPLACE TEMP TABLE ${VERDICTS} AS ${verdicts}`);
  const counts = rowChecks.map((_, index) => `count(*) FILTER (WHERE f${index}) AS f${index}`);
  const [totals] = await session.rows<Record<string, bigint>>(
    `SELECT ${['count(*) AS n', ...counts].join(', ')} FROM ${unique.length > 0 ? VERDICTS : `(${verdicts})`}`,
  );
  const failing = new Map(rowChecks.map((check, index) => [check.name, Number(totals?.[`f${index}`] ?? 0n)]));
  for (const [index, check] of unique.entries()) {
    const repeated = `(SELECT h${index} FROM ${VERDICTS} WHERE h${index} IS NOT NULL GROUP BY 1 HAVING count(*) > 1)`;
    const [any] = await session.rows<{ n: bigint }>(`SELECT count(*) AS n FROM ${repeated}`);
    if ((any?.n ?? 0n) === 0n) continue;
    // Equal hashes are only a suspicion: the values themselves decide.
    const [exact] = await session.rows<{ n: bigint | null }>(
      `SELECT CAST(sum(n) AS BIGINT) AS n FROM (
        SELECT count(*) AS n FROM ${rowsSql} WHERE NOT ${anyNull(check)} AND hash(${names(check)}) IN ${repeated}
        GROUP BY ${names(check)} HAVING count(*) > 1)`,
    );
    failing.set(check.name, Number(exact?.n ?? 0n));
  }
  if (unique.length > 0) await session.run(`DROP TABLE ${VERDICTS}`);
  return { rows: Number(totals?.['n'] ?? 0n), failing };
}

const names = (check: PlannedCheck): string => check.columns.map(quoteIdentifier).join(', ');
const anyNull = (check: PlannedCheck): string =>
  `(${check.columns.map((column) => `${quoteIdentifier(column)} IS NULL`).join(' OR ')})`;
