/** Events put into a table of a DuckDB session, so that SQL can judge them or write them out. */
import {
  BLOB,
  type DuckDBAppender,
  DuckDBBlobValue,
  DuckDBListValue,
  DuckDBStructValue,
  DuckDBTimestampValue,
  LIST,
  STRUCT,
  VARCHAR,
} from '@duckdb/node-api';
import { KeystoneError, messageOf } from '../../errors.js';
import { quoteIdentifier } from '../sql-text.js';
import type { DuckSession } from './duck-session.js';

/** An event as a row; null where it has none of it. */
export interface EventRow {
  readonly topic: string | null;
  readonly partition: number | null;
  readonly offset: number | null;
  /** Microseconds since the epoch. */
  readonly logTimeUs: number | null;
  readonly eventId: string;
  readonly dataset: string;
  readonly source: string | null;
  readonly key: Uint8Array | null;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array }[];
  readonly payload: Uint8Array | null;
}

export interface EventRowsTable {
  /** Replaces what the table holds. Row n has `n` in the column `row_number`, from 0. */
  fill(rows: readonly EventRow[]): Promise<void>;
  close(): void;
}

const HEADERS = LIST(STRUCT({ key: VARCHAR, value: BLOB }));
const COLUMNS = `row_number INTEGER, topic VARCHAR, kafka_partition INTEGER, kafka_offset BIGINT, log_time TIMESTAMP, event_id VARCHAR,
  dataset VARCHAR, source VARCHAR, "key" BLOB, headers STRUCT("key" VARCHAR, "value" BLOB)[], payload BLOB`;

/** Makes the table; the columns are bronze's, beside `row_number`. @throws KeystoneError KS_ENGINE. */
export async function createEventRowsTable(session: DuckSession, name: string): Promise<EventRowsTable> {
  await session.run(`CREATE TABLE ${quoteIdentifier(name)} (${COLUMNS})`);
  const appender: DuckDBAppender = await session.connection.createAppender(name);
  return {
    fill: async (rows) => {
      await session.run(`TRUNCATE ${quoteIdentifier(name)}`);
      try {
        rows.forEach((row, index) => appendRow(appender, row, index));
        appender.flushSync();
      } catch (error) {
        throw new KeystoneError('KS_ENGINE', `DuckDB: ${messageOf(error)}`, { cause: error });
      }
    },
    close: () => appender.closeSync(),
  };
}

function appendRow(appender: DuckDBAppender, row: EventRow, index: number): void {
  const text = (value: string | null): void => (value === null ? appender.appendNull() : appender.appendVarchar(value));
  const bytes = (value: Uint8Array | null): void => (value === null ? appender.appendNull() : appender.appendBlob(value));
  appender.appendInteger(index);
  text(row.topic);
  if (row.partition === null) appender.appendNull();
  else appender.appendInteger(row.partition);
  if (row.offset === null) appender.appendNull();
  else appender.appendBigInt(BigInt(row.offset));
  if (row.logTimeUs === null) appender.appendNull();
  else appender.appendTimestamp(new DuckDBTimestampValue(BigInt(row.logTimeUs)));
  text(row.eventId);
  text(row.dataset);
  text(row.source);
  bytes(row.key);
  const headers = row.headers.map(({ key, value }) => new DuckDBStructValue({ key, value: new DuckDBBlobValue(value) }));
  appender.appendList(new DuckDBListValue(headers), HEADERS);
  bytes(row.payload);
  appender.endRow();
}
