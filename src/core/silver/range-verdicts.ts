/** The verdict on every event of a range that does not become a current silver row. */
import { quoteLiteral } from '../engine/sql-text.js';
import type { DatasetRows } from './dataset-rows.js';
import { type DerivedCounts, type Derivation, NO_COUNTS } from './derivation.js';
import { RANGE_ROWS } from './read-range.js';
import { REPEATED } from './repeated-events.js';

/** `_topic, _partition, _offset, class, detail, reasons, contract_version, hint`; `class` is set for the error zone, else `reasons`. */
export const REJECTS = 'range_rejects';
/** The columns of `ledger.dispositions` without `processed_at`. */
export const DISPOSITION_ROWS = 'range_dispositions';

const NO_REASONS = '[]::VARCHAR[]';

/** Creates `REJECTS` and, when `withDispositions`, `DISPOSITION_ROWS`; counts by verdict. */
export async function rejectAndDispose(
  { session, contracts }: Derivation,
  datasets: readonly DatasetRows[],
  withDispositions: boolean,
): Promise<DerivedCounts> {
  const silver = Object.fromEntries(
    datasets.filter(({ winnerCount }) => winnerCount > 0).map(({ contract, winnerCount }) => [contract.dataset, winnerCount]),
  );
  if (!withDispositions) return { ...NO_COUNTS, silver };
  const knownDatasets = `[${[...contracts.keys()].map(quoteLiteral).join(', ')}]::VARCHAR[]`;
  const versions = [...contracts.values()]
    .map(({ dataset, version }) => `WHEN ${quoteLiteral(dataset)} THEN ${quoteLiteral(version)}`)
    .join(' ');
  const version = (dataset: string): string => (versions ? `CASE ${dataset} ${versions} END` : 'NULL::VARCHAR');
  const unknown = `NOT list_contains(${knownDatasets}, r.dataset)`;
  const rangeRejects = `
    SELECT r._topic, r._partition, r._offset, r._event_id, r.dataset, r._class AS class, r._detail AS detail,
      CASE WHEN r._class IS NOT NULL THEN [r._class]
           WHEN d.same IS NOT NULL THEN ['event_id_conflict']
           ELSE list_filter([CASE WHEN ${unknown} THEN 'unknown_dataset' END, CASE WHEN NOT r.is_object THEN 'not_object' END], lambda reason: reason IS NOT NULL) END AS reasons,
      ${version('r.dataset')} AS contract_version, NULL::VARCHAR AS hint, d.first_partition AS winner_partition, d.first_offset AS winner_offset
    FROM ${RANGE_ROWS} r LEFT JOIN ${REPEATED} d ON d._topic = r._topic AND d._partition = r._partition AND d._offset = r._offset
    WHERE (d.same IS NULL OR NOT d.same) AND (r._class IS NOT NULL OR d.same IS NOT NULL OR ${unknown} OR NOT r.is_object)`;
  const contractRejects = datasets.map(
    ({ contract, typed }) => `
    SELECT _topic, _partition, _offset, _event_id, ${quoteLiteral(contract.dataset)}, NULL, NULL, _reasons, ${quoteLiteral(contract.version)}, _hint, NULL, NULL
    FROM ${typed} WHERE _reasons IS NOT NULL`,
  );
  await session.run(`CREATE OR REPLACE TEMP TABLE ${REJECTS} AS ${[rangeRejects, ...contractRejects].join(' UNION ALL ')}`);

  const superseded = datasets
    .filter(({ contract }) => contract.key.length > 0)
    .flatMap(({ contract, typed, leaving }) => [
      `SELECT l._topic, l._partition, l._offset, t._event_id, ${quoteLiteral(contract.dataset)}, 'superseded', ${NO_REASONS}, l.winner_partition, l.winner_offset
       FROM ${typed}_losers l JOIN ${typed} t USING (_topic, _partition, _offset) WHERE NOT l.is_current`,
      `SELECT l._topic, l._partition, l._offset, g._event_id, ${quoteLiteral(contract.dataset)}, 'superseded', ${NO_REASONS}, l.winner_partition, l.winner_offset
       FROM ${typed}_losers l JOIN ${leaving} g USING (_topic, _partition, _offset) WHERE l.is_current`,
    ]);
  await session.run(`CREATE OR REPLACE TEMP TABLE ${DISPOSITION_ROWS} AS
    SELECT _topic AS topic, _partition AS kafka_partition, _offset AS kafka_offset, _event_id AS event_id, dataset,
      CASE WHEN class IS NULL THEN 'quarantined' ELSE 'error' END AS verdict, reasons, winner_partition, winner_offset FROM ${REJECTS}
    UNION ALL
    SELECT d._topic, d._partition, d._offset, r._event_id, r.dataset, 'duplicate', ${NO_REASONS}, d.first_partition, d.first_offset
    FROM ${REPEATED} d JOIN ${RANGE_ROWS} r USING (_topic, _partition, _offset) WHERE d.same
    ${superseded.map((sql) => `UNION ALL ${sql}`).join('\n')}`);
  const found = await session.rows<{ verdict: string; n: bigint }>(
    `SELECT verdict, count(*) AS n FROM ${DISPOSITION_ROWS} GROUP BY 1`,
  );
  const count = (verdict: string): number => Number(found.find((row) => row.verdict === verdict)?.n ?? 0n);
  return {
    ...NO_COUNTS,
    silver,
    quarantined: count('quarantined'),
    error: count('error'),
    duplicate: count('duplicate'),
    superseded: count('superseded'),
  };
}
