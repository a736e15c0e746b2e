/** A small lake in a temporary folder: silver orders and order items, quarantined and erroneous events, as the consumer would leave them. */
import { quoteLiteral } from '../../src/core/engine/sql-text.js';
import type { Lakehouse } from '../../src/core/lakehouse.js';
import { ERROR_EVENTS, QUARANTINE_EVENTS } from '../../src/core/quarantine/quarantine-tables.js';
import { silverTable } from '../../src/core/silver/silver-table.js';
import type { TableDefinition } from '../../src/core/table/table-api.js';
import { writeDataFiles } from '../../src/core/table/write-data-files.js';
import { testLake } from './test-lake.js';

let commits = 0;

/** Appends the rows of `sql` to a table. */
export async function addRows(lakehouse: Lakehouse, definition: TableDefinition, sql: string): Promise<void> {
  const table = await lakehouse.ensureTable(definition);
  const session = await lakehouse.duck();
  commits += 1;
  const add = await writeDataFiles(session, table, sql, { fileName: (n) => `test-${commits}-${n}` });
  await session.close();
  const outcome = await table.commit({ add });
  if (outcome.kind !== 'committed') throw new Error(outcome.reason);
}

interface Rejected {
  readonly offset: number;
  readonly eventId: string;
  readonly dataset: string;
  readonly reasons: readonly string[];
  readonly hint?: string;
  /** DuckDB BLOB literal text. */
  readonly payload: string;
}

const bronze = (event: Rejected): string =>
  `'events' AS topic, 0 AS kafka_partition, ${event.offset} AS kafka_offset, TIMESTAMP '2018-08-01 10:00:00' AS log_time, TIMESTAMP '2018-08-01 10:00:01' AS ingested_at,
   ${quoteLiteral(event.eventId)} AS event_id, ${quoteLiteral(event.dataset)} AS dataset, 'test' AS source, 'k'::BLOB AS "key",
   [{key: 'trace', value: '\\xFF'::BLOB}] AS headers, ${quoteLiteral(event.payload)}::BLOB AS payload`;

const processedAt = (event: Rejected): string =>
  `TIMESTAMP '2018-08-01 10:00:00' + INTERVAL ${event.offset} HOUR AS processed_at`;

const unionOf = (selects: readonly string[]): string => selects.map((select) => `SELECT ${select}`).join(' UNION ALL ');

const lineage = (id: string): string =>
  `'events' AS _topic, 0 AS _partition, ${id} AS _offset, 'e' || ${id} AS _event_id, TIMESTAMP '2018-08-01 10:00:00' AS _log_time`;
const ymd = (column: string): string =>
  `year(${column})::INT AS year, month(${column})::INT AS month, day(${column})::INT AS day`;

export async function lakeWithRejects(open: () => Promise<Lakehouse> = async () => (await testLake()).lake): Promise<Lakehouse> {
  const lakehouse = await open();
  const contracts = await lakehouse.contracts();
  const contract = (dataset: string) => contracts.get(dataset) ?? fail(dataset);
  // 240 orders, ten a day from 2017-10-01 on; every tenth was handed over before it was approved.
  await addRows(
    lakehouse,
    silverTable(contract('orders')),
    `SELECT ${lineage('i')}, md5(i::VARCHAR) AS order_id, md5('c' || i) AS customer_id, 'delivered' AS order_status, bought AS order_purchase_timestamp,
       bought + INTERVAL 1 HOUR AS order_approved_at, bought + INTERVAL (CASE WHEN i % 10 = 0 THEN 0 ELSE 2 END) HOUR AS order_delivered_carrier_date,
       bought + INTERVAL 3 DAY AS order_delivered_customer_date, bought + INTERVAL 9 DAY AS order_estimated_delivery_date, ${ymd('bought')}
     FROM (SELECT i, TIMESTAMP '2017-10-01 00:00:00' + INTERVAL (i // 10) DAY + INTERVAL (i % 10) HOUR AS bought FROM range(240) t(i))`,
  );
  await addRows(
    lakehouse,
    silverTable(contract('order_items')),
    `SELECT ${lineage('i')}, md5(i::VARCHAR) AS order_id, 1 AS order_item_id, 'p' AS product_id, 's' AS seller_id, due AS shipping_limit_date, 10.00 AS price, 1.00 AS freight_value, ${ymd('due')}
     FROM (SELECT i, TIMESTAMP '2017-10-31 23:59:59.999999' + INTERVAL (i) MONTH AS due FROM range(2) t(i))`,
  );
  const quarantined: readonly Rejected[] = [
    {
      offset: 1,
      eventId: 'q1',
      dataset: 'orders',
      reasons: ['missing:customer_id'],
      hint: '2017-10-02',
      payload: '{"order_id":"1"}',
    },
    {
      offset: 2,
      eventId: 'q2',
      dataset: 'orders',
      reasons: ['rule:delivery_not_before_purchase', 'bad_type:order_approved_at'],
      hint: '2017-10-03',
      payload: '{}',
    },
    { offset: 3, eventId: 'q3', dataset: 'orders', reasons: ['not_object'], payload: '[1]' },
    {
      offset: 4,
      eventId: 'q4',
      dataset: 'order_items',
      reasons: ['rule:price_positive'],
      hint: '2017-10',
      payload: '{"price":0}',
    },
    { offset: 5, eventId: 'q5', dataset: 'spectrum', reasons: ['unknown_dataset'], payload: '{}' },
    { offset: 6, eventId: "it's", dataset: 'orders', reasons: ['event_id_conflict'], hint: '2017-10-02', payload: '{}' },
    { offset: 7, eventId: "it's", dataset: 'orders', reasons: ['event_id_conflict'], payload: '{}' },
    {
      offset: 8,
      eventId: 'q8',
      dataset: 'order_items',
      reasons: ['rule:price_positive'],
      hint: '2020-04',
      payload: '{"price":0}',
    },
  ];
  await addRows(
    lakehouse,
    QUARANTINE_EVENTS,
    unionOf(
      quarantined.map(
        (event) =>
          `${bronze(event)}, [${event.reasons.map(quoteLiteral).join(', ')}] AS reasons, '1.0.0' AS contract_version, ${event.hint ? quoteLiteral(event.hint) : 'NULL::VARCHAR'} AS partition_hint, ${processedAt(event)}`,
      ),
    ),
  );
  const bytes: Rejected = { offset: 9, eventId: 'x9', dataset: 'orders', reasons: ['invalid_utf8'], payload: '{\\xFF\\x1B' };
  await addRows(
    lakehouse,
    ERROR_EVENTS,
    unionOf([`${bronze(bytes)}, 'invalid_utf8' AS class, 'byte 1' AS detail, NULL::BIGINT AS csv_line, ${processedAt(bytes)}`]),
  );
  return lakehouse;
}

const fail = (dataset: string): never => {
  throw new Error(`no contract for ${dataset}`);
};
