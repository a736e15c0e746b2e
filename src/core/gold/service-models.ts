/**
 * Models computed by Athena or Trino: the service reads the pinned snapshots and leaves the rows in the store (`staged-rows.ts`), DuckDB
 * takes them over under the types that it would have given them itself, so the table is the same whoever computed it.
 */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { createLakeView } from '../engine/duckdb/lake-view.js';
import { emptyRelation, snapshotRelation } from '../engine/snapshot-relation.js';
import { quoteIdentifier } from '../engine/sql-text.js';
import type { StatementAnswer, StatementEngine, StatementPurpose } from '../engine/statement-engine.js';
import { isKeystoneError, KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { LINEAGE_COLUMNS } from '../silver/silver-table.js';
import { duckType } from '../table/iceberg-type.js';
import type { DataFile, TableName } from '../table/table-api.js';
import { trinoType } from '../table/trino-type.js';
import { columnsOf, duckModels, inModelsDialect } from './duck-models.js';
import { icebergTypeOf } from './gold-table.js';
import { type Model, resolveReferences } from './model.js';
import type { ChangedInput, ModelEngine } from './model-engine.js';
import { inPartitionRangesSql, ordinalSql } from './partition-ordinal.js';
import type { PinnedTable } from './pinned-table.js';
import type { ModelPlan, PlanInputs } from './plan-model.js';
import type { StagedRows } from './staged-rows.js';

export interface ServiceModelsOptions {
  readonly lakehouse: Lakehouse;
  readonly engine: StatementEngine;
  readonly staged: StagedRows;
  /** Has the athena prelude. */
  readonly session: DuckSession;
  /** Bytes; a statement that is estimated to read more is not run. */
  readonly maxScan?: number;
  readonly signal?: AbortSignal;
  /** Bytes that the service has read for the model so far, while it works. */
  readonly onScanned?: (model: Model, bytes: number) => void;
}

/** More files than this are not named one by one: the whole snapshots are compared instead. */
const MOST_NAMED_FILES = 500;

export function serviceModels(options: ServiceModelsOptions): ModelEngine {
  const { lakehouse, engine, staged, session, signal } = options;
  // Where no input has rows there is nothing for the service to read.
  const local = duckModels(lakehouse, session);
  let bytesScanned = 0;

  const execute = async (
    { model }: PlanInputs,
    sql: string,
    { reads, hasRows = true }: { readonly reads: Reads; readonly hasRows?: boolean | undefined },
  ): Promise<StatementAnswer> => {
    if (Buffer.byteLength(sql) > engine.maxStatementBytes) {
      throw new KeystoneError(
        'KS_MODEL',
        `${model.name}: its statement has ${Buffer.byteLength(sql)} bytes, and ${engine.name} takes ${engine.maxStatementBytes}`,
        { hint: `shorten ${model.path}, or run it with --engine duckdb` },
      );
    }
    try {
      const answer = await engine.execute(sql, {
        hasRows,
        purpose: {
          command: 'gold run',
          ...reads,
          ...(options.maxScan === undefined ? {} : { maxScan: options.maxScan }),
        },
        ...(signal ? { signal } : {}),
        onProgress: (progress) => options.onScanned?.(model, progress.bytesScanned),
      });
      bytesScanned += answer.bytesScanned;
      return answer;
    } catch (error) {
      if (!isKeystoneError(error)) throw error;
      if (error.code !== 'KS_SQL') throw named(model, error);
      throw new KeystoneError('KS_MODEL', `${model.name}: ${error.message}`, {
        cause: error,
        hint: `change ${model.path}`,
        details: { ...error.details, model: model.name, engine: engine.name },
      });
    }
  };

  const relationsOf = async ({ inputs }: PlanInputs): Promise<(name: TableName) => string> => {
    const relations = new Map<TableName, string>();
    for (const input of inputs) relations.set(input.name, await pinnedRelation(engine, input));
    return (name) => relations.get(name) ?? name;
  };

  return {
    name: engine.name,
    affectedOrdinals: async (inputs, changed) => {
      const { model } = inputs;
      const dates = model.source.affectedBy.get(changed.input.name);
      if (dates === undefined || !model.partition) return [];
      const relations = await relationsOf(inputs);
      const { rows } = await execute(
        inputs,
        `WITH changed AS (${await changedRowsSql(engine, changed)})
         SELECT DISTINCT ${ordinalSql(model.partition.transform, 'affected.d')} AS ordinal
         FROM (${resolveReferences(dates, relations)}) AS affected (d)`,
        { reads: affectedReads(inputs, changed) },
      );
      return rows.map((row) => (row['ordinal'] === null ? null : Number(row['ordinal'])));
    },
    computeRows: async (inputs, plan) => {
      const { model } = inputs;
      if (inputs.inputs.every((input) => input.files.length === 0)) return local.computeRows(inputs, plan);
      const store = await lakehouse.store();
      for (const input of inputs.inputs) await createLakeView(session, input.name, input.fields, [], store);
      const columns = await inModelsDialect(session, model, () => columnsOf(session, `SELECT * FROM (${model.sql}\n) AS model`));
      const types = columns.map((column) => ({ name: quoteIdentifier(column.name), type: icebergTypeOf(model, column) }));
      // UNLOAD writes milliseconds only: moments travel as text, which keeps every digit.
      const select = types.map(({ name, type }) => {
        const value = `CAST(${name} AS ${trinoType(type)})`;
        return `${type === 'timestamp' ? `CAST(${value} AS VARCHAR)` : value} AS ${name}`;
      });
      const sql = `SELECT ${select.join(', ')} FROM (${resolveReferences(model.source.sql, await relationsOf(inputs))}\n) AS model${partitionsOf(model, plan)}`;
      const reads = { tables: [], query: { sql: model.sql, otherwise: inputs.inputs.map(wholeOf) } };
      const beside = inputs.inputs.find((input) => input.files.length > 0) as PinnedTable;
      await staged.stage(
        sql,
        { execute: (text, hasRows) => execute(inputs, text, { reads, hasRows }), beside: beside.name },
        async (rows) => {
          const taken = types.map(({ name, type }) => `CAST(${name} AS ${duckType(type)}) AS ${name}`);
          const empty = types.map(({ name, type }) => `CAST(NULL AS ${duckType(type)}) AS ${name}`);
          await session.run(
            rows === null
              ? `CREATE OR REPLACE TABLE main.model_rows AS SELECT ${empty.join(', ')} WHERE false`
              : `CREATE OR REPLACE TABLE main.model_rows AS SELECT ${taken.join(', ')} FROM ${rows}`,
          );
        },
      );
      return columns;
    },
    bytesScanned: () => bytesScanned + local.bytesScanned(),
  };
}

type Reads = Pick<StatementPurpose, 'tables' | 'query'>;

const sizeOf = (files: readonly DataFile[]): number => files.reduce((sum, file) => sum + file.sizeBytes, 0);

const wholeOf = ({ name, files }: PinnedTable): Reads['tables'][number] => ({ table: name, estimatedBytes: sizeOf(files) });

/** The changed files, and what their rows are looked up in. */
function affectedReads({ model, inputs }: PlanInputs, { input, change }: ChangedInput): Reads {
  const dates = model.affectedBy.get(input.name) ?? '';
  const others = inputs.filter(({ name }) => name !== input.name && dates.includes(name));
  return {
    tables: [{ table: input.name, estimatedBytes: sizeOf([...change.added, ...change.removed]) }],
    query: { sql: `WITH changed AS (SELECT 1 AS changed) ${dates}`, otherwise: others.map(wholeOf) },
  };
}

/** The service's failure, with the model that it met. */
const named = (model: Model, error: KeystoneError): KeystoneError =>
  new KeystoneError(error.code, `${model.name}: ${error.message}`, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.details === undefined ? {} : { details: error.details }),
  });

const partitionsOf = (model: Model, plan: ModelPlan): string =>
  plan.kind === 'partitions' && model.partition ? ` WHERE ${inPartitionRangesSql(model.partition, plan.ordinals)}` : '';

async function pinnedRelation(engine: StatementEngine, { table, snapshot, fields }: PinnedTable): Promise<string> {
  return table && snapshot ? snapshotRelation(engine, { table, snapshotId: snapshot.id, fields }) : emptyRelation(fields);
}

/** The rows that came or went, each once, by their data alone: one that moved from a file to another did neither. */
async function changedRowsSql(engine: StatementEngine, { input, change }: ChangedInput): Promise<string> {
  const lineage: ReadonlySet<string> = new Set(input.name.startsWith('silver.') ? LINEAGE_COLUMNS : []);
  const fields = input.fields.filter((field) => !lineage.has(field.name));
  const side = async (files: readonly DataFile[], snapshotId: bigint | null, sign: number): Promise<readonly string[]> => {
    if (files.length === 0 || !input.table || snapshotId === null) return [];
    const isNamed = change.added.length + change.removed.length <= MOST_NAMED_FILES;
    const paths = isNamed ? { files: files.map(({ path }) => path) } : {};
    const rows = await snapshotRelation(engine, { table: input.table, snapshotId, fields, ...paths });
    return [`SELECT ${columns}, ${sign} AS came FROM ${rows} AS side`];
  };
  const columns = fields.map((field) => quoteIdentifier(field.name)).join(', ');
  const sides = [
    ...(await side(change.added, input.snapshot?.id ?? null, 1)),
    ...(await side(change.removed, change.before, -1)),
  ];
  return `SELECT ${columns} FROM (${sides.join(' UNION ALL ')}) AS sides GROUP BY ${columns} HAVING sum(came) <> 0`;
}
