/** Which events of a source are meant: by log time, dataset, and a condition in SQL. The same for every source. */
import { createEventRowsTable } from '../engine/duckdb/event-rows-table.js';
import { checkCondition, conditionFailure } from '../engine/duckdb/row-condition.js';
import type { Lakehouse } from '../lakehouse.js';
import { eventRow, type ReplayEvent } from './replay-event.js';
import { isOpen, isWithin, type TimeRange } from './time-range.js';

export interface SelectionOptions {
  readonly range: TimeRange;
  readonly dataset: string | undefined;
  /** A boolean SQL expression over `CONDITION_COLUMNS`. */
  readonly where: string | undefined;
}

export interface EventSelection {
  /** One answer for each event. @throws KeystoneError KS_SQL when the condition fails on one of them. */
  selects(events: readonly ReplayEvent[]): Promise<readonly boolean[]>;
  close(): Promise<void>;
}

/** What a condition can ask of an event. `payload` is JSON, NULL where it is none; `key` is NULL where it is no text. */
const CONDITION_COLUMNS = 'dataset, event_id, source, key, log_time, payload, topic, kafka_partition, kafka_offset';

const HINT = `columns: ${CONDITION_COLUMNS}; e.g. --where "payload->>'order_status' = 'delivered'"`;
const RELATION = 'events';
// decode() stands alone under TRY: shared with another expression it would be pulled out, and one bad byte would fail the query.
const VIEW = `CREATE VIEW ${RELATION} AS
  SELECT row_number, topic, kafka_partition, kafka_offset, log_time, event_id, dataset, source, key,
    CASE WHEN json_valid(payload_text) THEN TRY_CAST(payload_text AS JSON) END AS payload
  FROM (SELECT * EXCLUDE (key, payload), TRY(decode("key")) AS key, TRY(decode(payload)) AS payload_text FROM event_rows)`;

/** @throws KeystoneError KS_SQL for a condition that is none. */
export async function openSelection(lakehouse: Lakehouse, options: SelectionOptions): Promise<EventSelection> {
  const { range, dataset, where } = options;
  const open = isOpen(range);
  const isMeant = (event: ReplayEvent): boolean =>
    (dataset === undefined || event.dataset === dataset) &&
    (open || (event.origin !== null && isWithin(range, event.origin.timestampUs)));
  if (where === undefined) return { selects: async (events) => events.map(isMeant), close: async () => undefined };

  const session = await lakehouse.duck({ threads: 1 });
  try {
    const table = await createEventRowsTable(session, 'event_rows');
    await session.run(VIEW);
    await session.run('SET enable_external_access = false');
    await checkCondition(session, where, RELATION, HINT);
    return {
      selects: async (events) => {
        const meant = events.map(isMeant);
        const asked = events.flatMap((event, index) => (meant[index] === true ? [{ event, index }] : []));
        if (asked.length === 0) return meant;
        await table.fill(asked.map(({ event }) => ({ ...eventRow(event), headers: [] })));
        const selected = events.map(() => false);
        try {
          const result = await session.connection.runAndReadAll(`SELECT row_number FROM ${RELATION} WHERE (${where}\n)`);
          for (const [row] of result.getRows()) selected[asked[Number(row)]?.index ?? -1] = true;
        } catch (error) {
          throw conditionFailure(error, where, `${HINT}; TRY_CAST answers NULL where CAST fails`);
        }
        return selected;
      },
      close: async () => {
        table.close();
        await session.close();
      },
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}
