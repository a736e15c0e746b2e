/**
 * A Parquet file as events: one in bronze's columns (a recorded trace, a data file of bronze) gives the events that it holds, any
 * other one event for each row, whose payload is the row as a JSON object.
 */
import { withoutGlob } from '../engine/duckdb/glob-path.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { streamRows } from '../engine/duckdb/stream-rows.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import { isKeystoneError, KeystoneError, messageOf } from '../errors.js';
import { RECORDED_COLUMNS, recordedColumnsSql, recordedEvent } from './recorded-rows.js';
import type { ReplayEvent, ReplayEvents } from './replay-event.js';

export interface ParquetFile {
  readonly kind: 'recorded' | 'rows';
  readonly rows: number;
  /** SELECT list of what `parquetEvents` reads. */
  readonly select: string;
}

const fromSql = (file: string): string => `read_parquet(${quoteLiteral(withoutGlob(file))}, file_row_number = true)`;

/** JSON has no exact decimals and no bytes: these become text, which a contract reads as well. */
function jsonValueSql(name: string, type: string): string {
  const column = quoteIdentifier(name);
  if (/^(DECIMAL|U?HUGEINT)/.test(type) && !type.endsWith('[]')) return `CAST(${column} AS VARCHAR)`;
  return type === 'BLOB' ? `base64(${column})` : column;
}

/** @throws KeystoneError KS_CHECK_FAILED when the file is no whole Parquet file. */
export async function describeParquetFile(session: DuckSession, file: string): Promise<ParquetFile> {
  try {
    const columns = await session.rows<{ column_name: string; column_type: string }>(
      `DESCRIBE SELECT * FROM read_parquet(${quoteLiteral(withoutGlob(file))})`,
    );
    const [counted] = await session.rows<{ n: bigint }>(`SELECT count(*) AS n FROM ${fromSql(file)}`);
    const rows = Number(counted?.n ?? 0n);
    const names = new Set(columns.map((column) => column.column_name));
    if (RECORDED_COLUMNS.every((name) => names.has(name))) return { kind: 'recorded', rows, select: recordedColumnsSql };
    const fields = columns.map(
      ({ column_name: name, column_type: type }) => `${quoteLiteral(name)}: ${jsonValueSql(name, type)}`,
    );
    return { kind: 'rows', rows, select: `CAST(to_json({${fields.join(', ')}}) AS VARCHAR)` };
  } catch (error) {
    throw broken(file, error);
  }
}

/** Events in the order of the rows, from row `skip` on. `eventOf` makes one of a row's JSON text. */
export async function* parquetEvents(
  session: DuckSession,
  file: string,
  { kind, select }: ParquetFile,
  options: {
    readonly stream: string;
    readonly skip: number;
    readonly eventOf: (payload: Uint8Array, position: number) => ReplayEvent;
    readonly signal: AbortSignal;
  },
): ReplayEvents {
  const { stream, skip, eventOf, signal } = options;
  let expected = kind === 'recorded' ? skip : 0;
  // Ids of plain rows count how often a row came, so these are read from the first one on.
  const sql = `SELECT ${select}, file_row_number FROM ${fromSql(file)} WHERE file_row_number >= ${expected}`;
  try {
    for await (const chunk of streamRows(session, sql)) {
      signal.throwIfAborted();
      const events: ReplayEvent[] = [];
      for (const row of chunk) {
        const position = Number(row.at(-1));
        if (position !== expected) throw new KeystoneError('KS_INTERNAL', `${file} was read out of order at row ${position}`);
        expected++;
        const event =
          kind === 'recorded'
            ? recordedEvent(row, () => ({ stream, position }))
            : eventOf(Buffer.from(String(row[0]), 'utf8'), position);
        if (position >= skip) events.push(event);
      }
      if (events.length > 0) yield events;
    }
  } catch (error) {
    throw isKeystoneError(error) && error.code === 'KS_ENGINE' ? broken(file, error) : error;
  }
}

function broken(file: string, error: unknown): KeystoneError {
  const why = (messageOf(error).split('\n')[0] ?? '').replace(/^DuckDB: /, '');
  return new KeystoneError('KS_CHECK_FAILED', `${file} cannot be read as Parquet: ${why}`, {
    hint: 'take a whole copy of it: a Parquet file begins and ends with PAR1',
  });
}
