/** Computes a model's rows with DuckDB and commits them as one snapshot of its table. */
import { quoteIdentifier, quoteQualified } from '../engine/sql-text.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { useDialect } from '../engine/duckdb/athena-prelude.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { DataFile, Snapshot } from '../table/table-api.js';
import { writeDataFiles } from '../table/write-data-files.js';
import { buildSummary } from './build-record.js';
import { goldTable, type ModelColumn } from './gold-table.js';
import type { Model } from './model.js';
import { inPartitionsSql } from './partition-ordinal.js';
import { viewPinned } from './pinned-table.js';
import type { ModelPlan, PlanInputs } from './plan-model.js';
import { randomHexId } from '../table/random-names.js';
import { holdOrDiscard } from '../table/hold-or-discard.js';

export interface BuiltModel {
  readonly snapshot: Snapshot;
  /** `same`: the rows came out as they were, and no file changed. */
  readonly outcome: 'written' | 'same';
  /** Rows computed. */
  readonly rows: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
}

/**
 * Replaces the whole table or the plan's partitions. `fencingToken`: of the lease on gold, so that a run which lost it commits
 * nothing. Throws KS_MODEL when the query fails or two rows share a grain, KS_COMMIT_CONFLICT when the table changed meanwhile.
 */
export async function buildModel(
  lakehouse: Lakehouse,
  session: DuckSession,
  { model, target, inputs }: PlanInputs,
  plan: Exclude<ModelPlan, { readonly kind: 'current' }>,
  fencingToken: () => number,
): Promise<BuiltModel> {
  const commit = async (add: readonly DataFile[], remove: readonly string[], rows: number): Promise<BuiltModel> => {
    const table = await lakehouse.table(model.name);
    const token = await holdOrDiscard(fencingToken, await lakehouse.store(), add);
    const request = { add, remove, summary: buildSummary(model, inputs), fence: { ranges: [], fencingToken: token } };
    const outcome = await table?.commit(request);
    if (outcome?.kind !== 'committed') {
      throw new KeystoneError(
        'KS_COMMIT_CONFLICT',
        `${model.name} was changed by another writer: ${outcome?.reason ?? 'it is gone'}`,
        {
          hint: 'keystone gold run, again',
        },
      );
    }
    const written = add.length > 0 || remove.length > 0;
    return {
      snapshot: outcome.snapshot,
      outcome: written ? 'written' : 'same',
      rows,
      filesAdded: add.length,
      filesRemoved: remove.length,
    };
  };
  if (plan.kind === 'untouched') return commit([], [], 0);

  for (const input of inputs) await viewPinned(lakehouse, session, input);
  const where = plan.kind === 'partitions' && model.partition ? ` WHERE ${inPartitionsSql(model.partition, plan.ordinals)}` : '';
  const columns = await computeRows(session, model, where);
  const rows = await checkGrain(session, model);
  const definition = goldTable(model, columns, target?.fields ?? []);
  const table = await lakehouse.ensureTable(definition);
  const kept = definition.fields.filter((field) => !columns.some((column) => column.name === field.name));
  const select = `SELECT *${kept.map((field) => `, NULL AS ${quoteIdentifier(field.name)}`).join('')} FROM main.model_rows`;

  const replaced = (target?.files ?? []).filter((file) => plan.kind === 'rebuild' || plan.ordinals.includes(ordinalOf(file)));
  const forced = plan.kind === 'rebuild' && plan.forced === true;
  if (
    target &&
    !forced &&
    (await sameRows(lakehouse, session, { ...target, fields: definition.fields, files: replaced }, select))
  ) {
    return commit([], [], rows);
  }
  const commitId = randomHexId(lakehouse.effects.randomBytes);
  const added = await writeDataFiles(session, table, select, { fileName: (n) => `${commitId}-${n}` });
  return commit(
    added,
    replaced.map((file) => file.path),
    rows,
  );
}

/** The one partition value of a gold file. */
const ordinalOf = (file: DataFile): number | null => {
  const [value] = Object.values(file.partition);
  return typeof value === 'number' ? value : null;
};

/** DuckDB's errors that lie in the query or in what it says of the data; others (memory, files) are the engine's. */
const MODEL_FAULT = /(Binder|Catalog|Parser|Conversion|Invalid Input|Out of Range|Constraint|Syntax) Error/;

/** Leaves the rows in the table `model_rows` (spilled to disk when large): every later step reads them, none computes again. */
async function computeRows(session: DuckSession, model: Model, where: string): Promise<readonly ModelColumn[]> {
  await useDialect(session, 'athena');
  try {
    await session.run(`CREATE OR REPLACE TABLE main.model_rows AS SELECT * FROM (${model.sql}\n) AS model${where}`);
  } catch (error) {
    if (!(error instanceof KeystoneError) || !MODEL_FAULT.test(error.message)) throw error;
    throw new KeystoneError('KS_MODEL', `${model.name}: ${error.message}`, { cause: error, hint: `change ${model.path}` });
  } finally {
    await useDialect(session, 'engine');
  }
  const described = await session.rows<{ column_name: string; column_type: string }>('DESCRIBE main.model_rows');
  return described.map((row) => ({ name: row.column_name, type: row.column_type }));
}

/** The number of rows; throws KS_MODEL when two share the grain's values (a join doubled them). */
async function checkGrain(session: DuckSession, model: Model): Promise<number> {
  const grain = model.grain.map(quoteIdentifier).join(', ');
  const [row] = await session.rows<{ total: bigint; distinct_total: bigint }>(
    `SELECT coalesce(sum(n), 0)::BIGINT AS total, count(*) AS distinct_total FROM (SELECT count(*) AS n FROM main.model_rows GROUP BY ${grain})`,
  );
  const { total = 0n, distinct_total: distinct = 0n } = row ?? {};
  if (total === distinct) return Number(total);
  throw new KeystoneError(
    'KS_MODEL',
    `${model.name}: ${total} rows share ${distinct} values of their grain (${model.grain.join(', ')})`,
    {
      hint: `change the joins or the grain in ${model.path}`,
      details: { model: model.name, rows: Number(total), grains: Number(distinct) },
    },
  );
}

/** Whether the files to be replaced hold just the rows that were computed. */
async function sameRows(
  lakehouse: Lakehouse,
  session: DuckSession,
  replaced: Parameters<typeof viewPinned>[2],
  select: string,
): Promise<boolean> {
  await viewPinned(lakehouse, session, replaced);
  const before = `SELECT * FROM ${quoteQualified(replaced.name)}`;
  const [row] = await session.rows<{ same: boolean }>(
    `SELECT (SELECT count(*) FROM (${before})) = (SELECT count(*) FROM (${select}))
       AND NOT EXISTS (SELECT 1 FROM (${before} EXCEPT ALL ${select})) AS same`,
  );
  return row?.same === true;
}
