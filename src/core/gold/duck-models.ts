/** Models computed by DuckDB in this process, over the files of the pinned snapshots. */
import { useDialect } from '../engine/duckdb/athena-prelude.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { DataFile } from '../table/table-api.js';
import type { ModelColumn } from './gold-table.js';
import { createChangedRows } from './input-change.js';
import type { Model } from './model.js';
import type { ModelEngine } from './model-engine.js';
import { inPartitionsSql, ordinalSql } from './partition-ordinal.js';
import { viewPinned } from './pinned-table.js';
import type { PlanInputs } from './plan-model.js';

/** DuckDB's errors that lie in the query or in what it says of the data; others (memory, files) are the engine's. */
const MODEL_FAULT = /(Binder|Catalog|Parser|Conversion|Invalid Input|Out of Range|Constraint|Syntax) Error/;

/** `session` has the athena prelude; it gets views of the inputs. */
export function duckModels(lakehouse: Lakehouse, session: DuckSession): ModelEngine {
  let bytesScanned = 0;
  const viewInputs = async ({ inputs }: PlanInputs): Promise<void> => {
    for (const input of inputs) await viewPinned(lakehouse, session, input);
  };
  const read = (files: readonly DataFile[]): void => {
    bytesScanned += files.reduce((sum, file) => sum + file.sizeBytes, 0);
  };
  return {
    name: 'duckdb',
    affectedOrdinals: async (inputs, { input, change }) => {
      const { model } = inputs;
      const dates = model.affectedBy.get(input.name);
      if (dates === undefined || !model.partition) return [];
      await viewInputs(inputs);
      await createChangedRows(lakehouse, session, input, change);
      read([...change.added, ...change.removed]);
      await useDialect(session, 'athena');
      try {
        const rows = await session.rows<{ ordinal: number | null }>(
          `SELECT DISTINCT ${ordinalSql(model.partition.transform, 'affected.d')} AS ordinal FROM (${dates}) AS affected (d)`,
        );
        return rows.map((row) => row.ordinal);
      } finally {
        await useDialect(session, 'engine');
      }
    },
    computeRows: async (inputs, plan) => {
      const { model } = inputs;
      await viewInputs(inputs);
      const where =
        plan.kind === 'partitions' && model.partition ? ` WHERE ${inPartitionsSql(model.partition, plan.ordinals)}` : '';
      await inModelsDialect(session, model, async () => {
        await session.run(`CREATE OR REPLACE TABLE main.model_rows AS SELECT * FROM (${model.sql}\n) AS model${where}`);
      });
      for (const input of inputs.inputs) read(input.files);
      return columnsOf(session, 'main.model_rows');
    },
    bytesScanned: () => bytesScanned,
  };
}

/** Runs what holds the model's SQL; throws KS_MODEL where that is at fault. */
export async function inModelsDialect<T>(session: DuckSession, model: Model, work: () => Promise<T>): Promise<T> {
  await useDialect(session, 'athena');
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KeystoneError) || !MODEL_FAULT.test(error.message)) throw error;
    throw new KeystoneError('KS_MODEL', `${model.name}: ${error.message}`, { cause: error, hint: `change ${model.path}` });
  } finally {
    await useDialect(session, 'engine');
  }
}

/** Columns of a table, or of a query, that DuckDB knows. */
export async function columnsOf(session: DuckSession, relation: string): Promise<readonly ModelColumn[]> {
  const described = await session.rows<{ column_name: string; column_type: string }>(`DESCRIBE ${relation}`);
  return described.map((row) => ({ name: row.column_name, type: row.column_type }));
}
