/** Decides what one model needs: nothing, some partitions, or everything. */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { useDialect } from '../engine/duckdb/athena-prelude.js';
import type { Lakehouse } from '../lakehouse.js';
import type { TableName } from '../table/table-api.js';
import { readBuildRecord } from './build-record.js';
import { createChangedRows, inputChange, type InputChange } from './input-change.js';
import type { Model } from './model.js';
import { ordinalSql } from './partition-ordinal.js';
import { type PinnedTable, viewPinned } from './pinned-table.js';

export type ModelPlan =
  /** The table holds what its inputs give. */
  | { readonly kind: 'current' }
  /** Inputs have new snapshots, but none of their changes reaches the model. */
  | { readonly kind: 'untouched'; readonly reason: string }
  | { readonly kind: 'partitions'; readonly ordinals: readonly (number | null)[]; readonly reason: string }
  /** `forced`: files are written anew even when the rows come out as they were (a way out of damaged files). */
  | { readonly kind: 'rebuild'; readonly reason: string; readonly forced?: true };

export interface PlanInputs {
  readonly model: Model;
  /** The model's table now; null when it does not exist. */
  readonly target: PinnedTable | null;
  readonly inputs: readonly PinnedTable[];
}

type FileChange = InputChange & { readonly kind: 'files' };

/** `session` has the athena prelude; it gets views of the inputs. */
export async function planModel(
  lakehouse: Lakehouse,
  session: DuckSession,
  { model, target, inputs }: PlanInputs,
): Promise<ModelPlan> {
  const record = target ? readBuildRecord(target.snapshot, target.snapshots) : null;
  if (!target?.snapshot) return { kind: 'rebuild', reason: 'never built' };
  if (!record) return { kind: 'rebuild', reason: 'its rows were changed by another writer' };
  if (record.modelHash !== model.hash) return { kind: 'rebuild', reason: 'the model changed' };
  const changes: { readonly input: PinnedTable; readonly change: FileChange }[] = [];
  for (const input of inputs) {
    const change = await inputChange(input, record.inputs.get(input.name) ?? null);
    if (change.kind === 'unknown') return { kind: 'rebuild', reason: `the snapshot of ${input.name} that was read has expired` };
    if (change.kind === 'files') changes.push({ input, change });
  }
  if (changes.length === 0) return { kind: 'current' };
  const reason = `changed: ${changes.map(({ input }) => input.name).join(', ')}`;
  const wholesale = changes.find(({ input, change }) => !model.affectedBy.has(input.name) || isMostOf(change, input));
  if (wholesale || !model.partition) return { kind: 'rebuild', reason };
  for (const input of inputs) await viewPinned(lakehouse, session, input);
  const ordinals = new Set<number | null>();
  for (const { input, change } of changes) {
    await createChangedRows(lakehouse, session, input, change);
    for (const ordinal of await affectedOrdinals(session, model, input.name)) ordinals.add(ordinal);
  }
  if (ordinals.size === 0) return { kind: 'untouched', reason };
  return { kind: 'partitions', ordinals: [...ordinals].toSorted((a, b) => (a ?? -1) - (b ?? -1)), reason };
}

/** Finding the changed rows would cost more than computing everything anew. */
function isMostOf(change: FileChange, input: PinnedTable): boolean {
  const changed = [...change.added, ...change.removed].reduce((sum, file) => sum + file.recordCount, 0);
  return changed > 2 * input.recordCount;
}

async function affectedOrdinals(session: DuckSession, model: Model, input: TableName): Promise<readonly (number | null)[]> {
  const dates = model.affectedBy.get(input);
  if (dates === undefined || !model.partition) return [];
  await useDialect(session, 'athena');
  try {
    const rows = await session.rows<{ ordinal: number | null }>(
      `SELECT DISTINCT ${ordinalSql(model.partition.transform, 'affected.d')} AS ordinal FROM (${dates}) AS affected (d)`,
    );
    return rows.map((row) => row.ordinal);
  } finally {
    await useDialect(session, 'engine');
  }
}
