/**
 * Sets the layout under which bronze.events writes its files from now on. Nothing is rewritten: files keep the spec they were written
 * under, readers prune each under its own, and a running consumer takes the new one up at its next batch.
 */
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { existingTable } from '../table/existing-table.js';
import { evolveSpec, partitionText, specText } from '../table/evolve-spec.js';
import { partitionProblem } from '../table/new-table.js';
import { EVOLVING_TABLE, layoutFixedBy } from './describe-layout.js';
import { parseLayout } from './partition-layout.js';

export interface LayoutChange {
  readonly table: string;
  /** `day(log_time)`. */
  readonly from: string;
  readonly to: string;
  readonly specId: number;
  /** False: the table is laid out so already. */
  readonly changed: boolean;
  /** The spec is one that the table had before. */
  readonly reused: boolean;
  readonly dryRun: boolean;
}

/** Throws KS_USAGE for a table or a layout that can't be, KS_NOT_FOUND, KS_COMMIT_CONFLICT. */
export async function evolveLayout(
  lakehouse: Pick<Lakehouse, 'table' | 'tableNames'>,
  name: string,
  layout: string,
  options: { readonly dryRun: boolean },
): Promise<LayoutChange> {
  const partition = parseLayout(layout);
  const table = await existingTable(lakehouse, name);
  const fixedBy = layoutFixedBy(name);
  if (fixedBy !== null) {
    throw new KeystoneError('KS_USAGE', `the layout of ${name} can't be set: ${fixedBy}`, {
      hint: `keystone table layout ${EVOLVING_TABLE} --to ${layout}`,
    });
  }
  const { fields } = await table.state();
  const problem = partition.map((field) => partitionProblem(field, fields)).find((text) => text !== null);
  if (problem !== undefined) throw new KeystoneError('KS_USAGE', `${name} can't be laid out by ${layout}: ${problem}`);
  const { metadata: before } = await table.metadata();
  let from = before;
  let after = evolveSpec(before, partition);
  if (after && !options.dryRun) {
    await table.changeMetadata(async (base) => {
      from = base;
      after = evolveSpec(base, partition);
      return after;
    });
  }
  const specId = (after ?? from)['default-spec-id'];
  return {
    table: table.name,
    from: specText(from, from['default-spec-id']),
    to: partitionText(partition),
    specId,
    changed: after !== null,
    reused: after !== null && from['partition-specs'].some((spec) => spec['spec-id'] === specId),
    dryRun: options.dryRun,
  };
}
