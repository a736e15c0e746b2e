/** `gold insight`: three questions to the star schema, each one query in the models' dialect (`insights/*.sql`). */
import { readFile } from 'node:fs/promises';
import type { QueryResult } from '../engine/sql-engine.js';
import { isKeystoneError, KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { refuseMovedLake } from '../table/moved-lake.js';
import { resolveReferences } from './model.js';

export const INSIGHTS = ['growth', 'logistics', 'segments'] as const;
export type InsightName = (typeof INSIGHTS)[number];

export interface InsightOptions {
  readonly name: InsightName;
  /** `YYYY-MM-DD`, for segments; default: the day after the last purchase. */
  readonly asOf?: string;
  readonly signal?: AbortSignal;
}

export interface Insight extends QueryResult {
  readonly insight: InsightName;
  /** The day that `segments` looks back from; null for the others and without purchases. */
  readonly asOf: string | null;
  /** Sums of the columns that can be summed; money as text. */
  readonly totals: Readonly<Record<string, number | string>>;
}

/** Which columns of an insight may be added up; `money` ones in hundredths. */
const SUMMED: Readonly<Record<InsightName, readonly string[]>> = {
  growth: ['orders', 'items', 'revenue', 'revenue_with_freight'],
  logistics: ['deliveries', 'on_time', 'on_time_by_date'],
  segments: ['customers', 'money'],
};

/** Throws KS_NOT_FOUND before gold was built, KS_STORE when the lake was moved, KS_USAGE for an `asOf` that is no day or that the insight does not take. */
export async function goldInsight(lakehouse: Lakehouse, options: InsightOptions): Promise<Insight> {
  const { name, signal } = options;
  if (options.asOf !== undefined && name !== 'segments') {
    throw new KeystoneError('KS_USAGE', `the insight ${name} looks back from no day: --as-of is for segments`, {
      hint: `keystone gold insight ${name}`,
    });
  }
  const engine = await lakehouse.engine();
  const query = async (sql: string): Promise<QueryResult> => {
    try {
      return await engine.query(sql, { dialect: 'athena', ...(signal ? { signal } : {}) });
    } catch (error) {
      if (!isKeystoneError(error) || error.code !== 'KS_NOT_FOUND') throw error;
      await refuseMovedLake(lakehouse);
      throw new KeystoneError('KS_NOT_FOUND', `${error.message}: gold has not been built yet`, {
        hint: 'keystone gold run',
        cause: error,
      });
    }
  };
  const asOf = name === 'segments' ? (options.asOf === undefined ? await dayAfterLastPurchase(query) : day(options.asOf)) : null;
  const sql = await readFile(new URL(`./insights/${name}.sql`, import.meta.url), 'utf8');
  const result = await query(resolveReferences(sql).replaceAll('{{ as_of }}', asOf ?? '1970-01-01'));
  return { ...result, insight: name, asOf, totals: totalsOf(result, SUMMED[name]) };
}

/** A day of the calendar, or KS_USAGE. */
function day(text: string): string {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (!Number.isNaN(time) && new Date(time).toISOString().startsWith(text)) return text;
  throw new KeystoneError('KS_USAGE', `"${text}" is no day`, { hint: 'write --as-of 2018-09-01' });
}

async function dayAfterLastPurchase(query: (sql: string) => Promise<QueryResult>): Promise<string | null> {
  const { rows } = await query('SELECT max(full_date) AS last_day FROM gold.dim_date');
  const last = rows[0]?.['last_day'];
  return typeof last === 'string' ? new Date(Date.parse(`${last}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10) : null;
}

function totalsOf(result: QueryResult, columns: readonly string[]): Insight['totals'] {
  return Object.fromEntries(
    columns.map((column) => {
      const values = result.rows.map((row) => row[column]);
      if (!result.columns.find(({ name }) => name === column)?.type.startsWith('DECIMAL')) {
        return [column, values.reduce<number>((sum, value) => sum + Number(value ?? 0), 0)];
      }
      // All money here has two decimals: exact in hundredths.
      const hundredths = values.reduce<bigint>((sum, value) => sum + BigInt(String(value ?? '0.00').replace('.', '')), 0n);
      const digits = String(hundredths < 0n ? -hundredths : hundredths).padStart(3, '0');
      return [column, `${hundredths < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`];
    }),
  );
}
