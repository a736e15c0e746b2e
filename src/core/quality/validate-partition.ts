/**
 * `validate partition`: every check of a dataset's contract over one partition, in one scan of silver by the chosen engine, with the quarantined rows
 * that would have been in it (docs/formats.md, "Validation"). Changes nothing.
 */
import type { CheckLevel, Contract } from '../contract/contract.js';
import { findContract } from '../contract/find-contract.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import type { ProfileConfig } from '../config/config.js';
import { quoteLiteral } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { silverTableName } from '../silver/silver-table.js';
import { scanSql } from '../table/scan-sql.js';
import type { TableName } from '../table/table-api.js';
import { checkDepth, isChecked, type CheckDepth } from './check-depth.js';
import { duckPartition } from './duck-partition.js';
import { type PartitionRange, partitionRange } from './partition-range.js';
import type { PartitionRows } from './partition-rows.js';
import { type CheckKind, type PlannedCheck, planChecks } from './planned-check.js';
import { type FailingRow, sampleQuarantine } from './sample-failures.js';
import { servicePartition } from './service-partition.js';

export interface ValidationRequest {
  readonly dataset: string;
  /** `2017-10-02`, `2017-10` or `all`. */
  readonly partition: string;
  /** Failing rows to show for each failing check and zone; 0 shows none. */
  readonly samples?: number;
  /** What evaluates the checks over silver; default: the profile's engine. Quarantine is small, and always read by DuckDB. */
  readonly engine?: EngineName;
  /** Bytes; a statement for a service that is estimated to read more is refused (KS_COST_LIMIT). Default: the profile's. */
  readonly maxScan?: number;
  /** Runs although the level of degradation leaves no validation. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
  /** Bytes that a service has read so far. */
  readonly onScanned?: (bytes: number) => void;
}

type EngineName = ProfileConfig['engine']['adapter'];

export interface CheckResult {
  readonly name: string;
  readonly level: CheckLevel;
  readonly kind: CheckKind;
  readonly columns: readonly string[];
  readonly description: string;
  /** Silver's rows, for error-level checks also the quarantined ones. */
  readonly checkedRows: number;
  /** In silver and in quarantine; for `rowCount` how many rows are missing or too many. */
  readonly failingRows: number;
  /** How many of `failingRows` lie in quarantine. */
  readonly inQuarantine: number;
  readonly passed: boolean;
}

export interface ValidationResult {
  readonly dataset: string;
  readonly partition: string;
  readonly contractVersion: string;
  readonly engine: EngineName;
  /** Which checks ran: the level of degradation may leave a part of them (`check-depth.ts`). */
  readonly depth: CheckDepth;
  /** Of silver. */
  readonly bytesScanned: number;
  /** In silver. */
  readonly rows: number;
  readonly quarantinedRows: number;
  readonly checks: readonly CheckResult[];
  readonly samples: readonly FailingRow[];
  /** False when an error-level check has failing rows, wherever they lie now. */
  readonly passed: boolean;
}

const QUARANTINED = 'partition_quarantined';

/**
 * Throws KS_NOT_FOUND for an unknown dataset or a partition without a row in silver and in quarantine, KS_USAGE for a text that is no
 * partition of the dataset. Failing checks are a result, no error.
 */
export async function validatePartition(lakehouse: Lakehouse, request: ValidationRequest): Promise<ValidationResult> {
  const contract = findContract(await lakehouse.contracts(), request.dataset);
  const range = partitionRange(contract, request.partition);
  const engine = request.engine ?? lakehouse.config.profile.engine.adapter;
  const depth = await checkDepth(lakehouse, request.force);
  const checks = planChecks(contract, engine === 'duckdb' ? 'duckdb' : 'athena').filter((check) => isChecked(check, depth));
  const limit = request.samples ?? 0;
  const session = await lakehouse.duck();
  try {
    const silver = await silverRows(lakehouse, session, contract, range, { ...request, engine });
    const inQuarantine = await readQuarantined(session, lakehouse, contract, range, checks);
    if (silver === null && inQuarantine.rows === 0) {
      throw new KeystoneError('KS_NOT_FOUND', `silver.${contract.dataset} does not exist and nothing of it is in quarantine`, {
        hint: 'keystone consume run --until-caught-up',
      });
    }
    const counted = silver === null ? { rows: 0, failing: new Map<string, number>() } : await silver.count(checks);
    if (range.name !== 'all' && counted.rows === 0 && inQuarantine.rows === 0) {
      throw new KeystoneError(
        'KS_NOT_FOUND',
        `${contract.dataset} has no rows in the partition ${range.name}, neither in silver nor in quarantine`,
        {
          hint: `keystone table show silver.${contract.dataset}`,
        },
      );
    }
    const results = checks.map((check) => result(check, counted, inQuarantine));
    const samples: FailingRow[] = [];
    const failed = checks.flatMap((check, index) => {
      const found = results[index];
      return limit === 0 || found === undefined || found.passed || check.kind === 'rowCount' ? [] : [{ check, found }];
    });
    const inSilver = failed.filter(({ found }) => found.failingRows > found.inQuarantine).map(({ check }) => check);
    const sampled =
      silver === null || inSilver.length === 0 ? new Map<string, readonly FailingRow[]>() : await silver.sample(inSilver, limit);
    for (const { check, found } of failed) {
      samples.push(...(sampled.get(check.name) ?? []));
      if (found.inQuarantine > 0) samples.push(...(await sampleQuarantine(session, QUARANTINED, check, limit)));
    }
    return {
      dataset: contract.dataset,
      partition: range.name,
      contractVersion: contract.version,
      engine,
      depth,
      bytesScanned: silver?.bytesScanned() ?? 0,
      rows: counted.rows,
      quarantinedRows: inQuarantine.rows,
      checks: results,
      samples,
      passed: results.every((check) => check.passed || check.level === 'warning'),
    };
  } finally {
    await session.close();
  }
}

interface Quarantined {
  readonly rows: number;
  /** Check name → rows with one of its reasons. */
  readonly failing: ReadonlyMap<string, number>;
}

function result(
  check: PlannedCheck,
  counted: { readonly rows: number; readonly failing: ReadonlyMap<string, number> },
  quarantined: Quarantined,
): CheckResult {
  const inQuarantine = quarantined.failing.get(check.name) ?? 0;
  const failingRows =
    check.rowCount === null ? (counted.failing.get(check.name) ?? 0) + inQuarantine : distance(counted.rows, check.rowCount);
  const { name, level, kind, columns, description } = check;
  const checkedRows = counted.rows + (check.reasons.length > 0 ? quarantined.rows : 0);
  return { name, level, kind, columns, description, checkedRows, failingRows, inQuarantine, passed: failingRows === 0 };
}

const distance = (rows: number, { min, max }: { readonly min: number | null; readonly max: number | null }): number =>
  Math.max(0, (min ?? rows) - rows, rows - (max ?? rows));

/** null when there is no table. */
async function silverRows(
  lakehouse: Lakehouse,
  session: DuckSession,
  contract: Contract,
  range: PartitionRange,
  {
    engine,
    maxScan,
    signal,
    onScanned,
  }: Pick<ValidationRequest, 'maxScan' | 'signal' | 'onScanned'> & { readonly engine: EngineName },
): Promise<PartitionRows | null> {
  const table = await lakehouse.table(silverTableName(contract.dataset));
  if (table === null) return null;
  if (engine === 'duckdb') return duckPartition(lakehouse, session, table, contract, range);
  return servicePartition({
    engine: await lakehouse.statements(engine),
    table,
    contract,
    range,
    ...(maxScan === undefined ? {} : { maxScan }),
    ...(signal ? { signal } : {}),
    ...(onScanned ? { onScanned } : {}),
  });
}

/** Creates the temporary table `QUARANTINED` and counts it. */
async function readQuarantined(
  session: DuckSession,
  lakehouse: Lakehouse,
  contract: Contract,
  range: PartitionRange,
  checks: readonly PlannedCheck[],
): Promise<Quarantined> {
  const name: TableName = 'quarantine.events';
  const table = await lakehouse.table(name);
  if (table === null) return { rows: 0, failing: new Map() };
  const { fields } = await table.state();
  const { dataset } = contract;
  const { files } = await table.scan({ bounds: [{ column: 'dataset', min: dataset, max: dataset }] });
  await session.run(
    `CREATE OR REPLACE TEMP TABLE ${QUARANTINED} AS SELECT topic, kafka_partition, kafka_offset, event_id, reasons
     FROM (${await scanSql(fields, files, await lakehouse.store())}) WHERE dataset = ${quoteLiteral(dataset)} AND ${range.hintSql}`,
  );
  const counts = checks.flatMap((check, index) =>
    check.reasons.length === 0
      ? []
      : [`count(*) FILTER (WHERE list_has_any(reasons, [${check.reasons.map(quoteLiteral).join(', ')}])) AS c${index}`],
  );
  const [row] = await session.rows<Record<string, bigint>>(
    `SELECT ${['count(*) AS n', ...counts].join(', ')} FROM ${QUARANTINED}`,
  );
  const failing = new Map(checks.map((check, index) => [check.name, Number(row?.[`c${index}`] ?? 0n)]));
  return { rows: Number(row?.['n'] ?? 0n), failing };
}
