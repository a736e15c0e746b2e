/** The engine that computes the models of one run. */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import type { TableName } from '../table/table-api.js';
import { duckModels } from './duck-models.js';
import type { ModelEngine } from './model-engine.js';
import { serviceModels } from './service-models.js';
import { stagedRows, sweepStaging } from './staged-rows.js';

export interface OpenedModelEngine {
  readonly engine: ModelEngine;
  /** Removes what killed runs left behind; `tables`: that exist and that models read. Only for who holds gold's lease. */
  readonly sweep: (tables: readonly TableName[]) => Promise<void>;
}

/** `session` has the athena prelude. Throws KS_CONFIG for a service that cannot see the lake. */
export async function openModelEngine(
  lakehouse: Lakehouse,
  session: DuckSession,
  options: {
    readonly engine?: ModelEngine['name'];
    readonly maxScan?: number;
    readonly signal?: AbortSignal;
    readonly onProgress?: ReportProgress;
  },
): Promise<OpenedModelEngine> {
  const name = options.engine ?? lakehouse.config.profile.engine.adapter;
  if (name === 'duckdb') return { engine: duckModels(lakehouse, session), sweep: async () => sweepStaging(lakehouse) };
  const service = await lakehouse.statements(name);
  const { maxScan, signal, onProgress } = options;
  const staged = stagedRows(lakehouse, service, signal);
  return {
    engine: serviceModels({
      lakehouse,
      engine: service,
      staged,
      session,
      ...(maxScan === undefined ? {} : { maxScan }),
      ...(signal ? { signal } : {}),
      onScanned: (model, bytes) => onProgress?.({ phase: `${model.name} on ${name}`, done: bytes, unit: 'bytes' }),
    }),
    sweep: (tables) => staged.sweep([...new Set(tables.map((table) => table.split('.')[0] ?? ''))]),
  };
}
