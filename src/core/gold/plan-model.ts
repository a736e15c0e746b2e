/** Decides what one model needs: nothing, some partitions, or everything. */
import { readBuildRecord } from './build-record.js';
import { inputChange } from './input-change.js';
import type { Model } from './model.js';
import type { ChangedInput, ModelEngine } from './model-engine.js';
import type { PinnedTable } from './pinned-table.js';

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

/** What the model's table needs, by its inputs' snapshots; `engine` is asked only where the dates of changed rows say more. */
export async function planModel(engine: ModelEngine, planned: PlanInputs): Promise<ModelPlan> {
  const { model, target, inputs } = planned;
  const record = target ? readBuildRecord(target.snapshot, target.snapshots) : null;
  if (!target?.snapshot) return { kind: 'rebuild', reason: 'never built' };
  if (!record) return { kind: 'rebuild', reason: 'its rows were changed by another writer' };
  if (record.modelHash !== model.hash) return { kind: 'rebuild', reason: 'the model changed' };
  const changes: ChangedInput[] = [];
  for (const input of inputs) {
    const change = await inputChange(input, record.inputs.get(input.name) ?? null);
    if (change.kind === 'unknown') return { kind: 'rebuild', reason: `the snapshot of ${input.name} that was read has expired` };
    if (change.kind === 'files') changes.push({ input, change });
  }
  if (changes.length === 0) return { kind: 'current' };
  const reason = `changed: ${changes.map(({ input }) => input.name).join(', ')}`;
  const wholesale = changes.find((changed) => !model.affectedBy.has(changed.input.name) || isMostOf(changed));
  if (wholesale || !model.partition) return { kind: 'rebuild', reason };
  const ordinals = new Set<number | null>();
  for (const changed of changes) for (const ordinal of await engine.affectedOrdinals(planned, changed)) ordinals.add(ordinal);
  if (ordinals.size === 0) return { kind: 'untouched', reason };
  return { kind: 'partitions', ordinals: [...ordinals].toSorted((a, b) => (a ?? -1) - (b ?? -1)), reason };
}

/** Finding the changed rows would cost more than computing everything anew. */
function isMostOf({ change, input }: ChangedInput): boolean {
  const changed = [...change.added, ...change.removed].reduce((sum, file) => sum + file.recordCount, 0);
  return changed > 2 * input.recordCount;
}
