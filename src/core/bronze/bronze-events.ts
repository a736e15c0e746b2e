/**
 * `bronze.events`: exactly what arrived, one row per log record (docs/formats.md, "Tables"). Partitioned by the day the log took it,
 * until `table layout` asks for finer ones.
 * The headers that became columns (event id, dataset, source) are not stored a second time; all others are, as they came.
 */
import type { TableDefinition, TableField } from '../table/table-api.js';

/** The columns of bronze, which error and quarantine tables repeat; field ids 1-14. */
export const BRONZE_FIELDS: readonly TableField[] = [
  { id: 1, name: 'topic', type: 'string', required: true },
  { id: 2, name: 'kafka_partition', type: 'int', required: true },
  { id: 3, name: 'kafka_offset', type: 'long', required: true },
  { id: 4, name: 'log_time', type: 'timestamp', required: true, doc: 'When the log took the event (UTC)' },
  { id: 5, name: 'ingested_at', type: 'timestamp', required: true, doc: 'When bronze wrote it (UTC)' },
  { id: 6, name: 'event_id', type: 'string', required: true },
  { id: 7, name: 'dataset', type: 'string', required: true },
  { id: 8, name: 'source', type: 'string', required: false },
  { id: 9, name: 'key', type: 'binary', required: false },
  {
    id: 10,
    name: 'headers',
    required: true,
    type: {
      kind: 'list',
      elementId: 11,
      element: {
        kind: 'struct',
        fields: [
          { id: 12, name: 'key', type: 'string', required: true },
          { id: 13, name: 'value', type: 'binary', required: true },
        ],
      },
    },
  },
  { id: 14, name: 'payload', type: 'binary', required: false, doc: "The event's bytes, never repaired; null is a tombstone" },
];

export const BRONZE_EVENTS: TableDefinition = {
  name: 'bronze.events',
  fields: BRONZE_FIELDS,
  partition: [{ column: 'log_time', transform: 'day' }],
  partitionEvolves: true,
  properties: { 'write.parquet.compression-codec': 'zstd', 'keystone.layer': 'bronze' },
};
