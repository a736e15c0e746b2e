/**
 * `ledger.dispositions`: one row for every event that is not a current silver row, saying why, so that the account can name each
 * event (docs/formats.md, "Where an event ends"). Every processed range commits here, even an empty one: its next offsets say how far silver,
 * quarantine and error zone have been derived.
 */
import type { TableDefinition } from '../table/table-api.js';

export const VERDICTS = ['error', 'quarantined', 'duplicate', 'superseded'] as const;
export type Verdict = (typeof VERDICTS)[number];

export const DISPOSITIONS: TableDefinition = {
  name: 'ledger.dispositions',
  fields: [
    { id: 1, name: 'topic', type: 'string', required: true },
    { id: 2, name: 'kafka_partition', type: 'int', required: true },
    { id: 3, name: 'kafka_offset', type: 'long', required: true },
    { id: 4, name: 'event_id', type: 'string', required: true },
    { id: 5, name: 'dataset', type: 'string', required: true },
    { id: 6, name: 'verdict', type: 'string', required: true, doc: VERDICTS.join(', ') },
    { id: 7, name: 'reasons', type: { kind: 'list', elementId: 8, element: 'string' }, required: true },
    {
      id: 9,
      name: 'winner_partition',
      type: 'int',
      required: false,
      doc: 'The event that stands instead (duplicate, superseded)',
    },
    { id: 10, name: 'winner_offset', type: 'long', required: false },
    { id: 11, name: 'processed_at', type: 'timestamp', required: true },
  ],
  partition: [],
  properties: { 'write.parquet.compression-codec': 'zstd', 'keystone.layer': 'ledger' },
};
