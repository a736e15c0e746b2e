/**
 * Where rejected events are kept with everything they came with: `error.events` for bytes that cannot be parsed,
 * `quarantine.events` for what can be parsed and breaks the contract (docs/formats.md, "Tables").
 */
import { BRONZE_FIELDS } from '../bronze/bronze-events.js';
import type { TableDefinition } from '../table/table-api.js';

const properties = (layer: string): Readonly<Record<string, string>> => ({
  'write.parquet.compression-codec': 'zstd',
  'keystone.layer': layer,
});

export const ERROR_EVENTS: TableDefinition = {
  name: 'error.events',
  fields: [
    ...BRONZE_FIELDS,
    { id: 15, name: 'class', type: 'string', required: true, doc: 'tombstone, empty, invalid_utf8, invalid_json or invalid_csv' },
    { id: 16, name: 'detail', type: 'string', required: false },
    { id: 17, name: 'csv_line', type: 'long', required: false, doc: 'Line (1-based) of a CSV row that could not be read' },
    { id: 18, name: 'processed_at', type: 'timestamp', required: true },
  ],
  partition: [{ column: 'log_time', transform: 'day' }],
  properties: properties('error'),
};

export const QUARANTINE_EVENTS: TableDefinition = {
  name: 'quarantine.events',
  fields: [
    ...BRONZE_FIELDS,
    { id: 15, name: 'reasons', type: { kind: 'list', elementId: 16, element: 'string' }, required: true },
    { id: 17, name: 'contract_version', type: 'string', required: false, doc: 'null: no contract for the dataset' },
    {
      id: 18,
      name: 'partition_hint',
      type: 'string',
      required: false,
      doc: 'The silver partition it would have had: 2017-10-02 or 2017-10',
    },
    { id: 19, name: 'processed_at', type: 'timestamp', required: true },
  ],
  partition: [{ column: 'log_time', transform: 'day' }],
  properties: properties('quarantine'),
};
