/** Has an engine compute a model's rows and commits them as one snapshot of its table. */
import { quoteIdentifier, quoteQualified } from '../engine/sql-text.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { DataFile, Snapshot } from '../table/table-api.js';
import { writeDataFiles } from '../table/write-data-files.js';
import { buildSummary } from './build-record.js';
import { goldTable } from './gold-table.js';
import type { Model } from './model.js';
import type { ModelEngine } from './model-engine.js';
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
 * Replaces the whole table or the plan's partitions by what `engine` left in `main.model_rows`: every step reads that, none computes
 * again. `fencingToken`: of the lease on gold, so that a run which lost it commits
 * nothing. Throws KS_MODEL when the query fails or two rows share a grain, KS_COMMIT_CONFLICT when the table changed meanwhile.
 */
export async function buildModel(
  lakehouse: Lakehouse,
  session: DuckSession,
  engine: ModelEngine,
  planned: PlanInputs,
  plan: Exclude<ModelPlan, { readonly kind: 'current' }>,
  fencingToken: () => number,
): Promise<BuiltModel> {
  const { model, target, inputs } = planned;
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

  const columns = await engine.computeRows(planned, plan);
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
