/**
 * `table compact`: small data files of a partition become one. A merge is a `replace` snapshot that takes out exactly the files that it
 * read; when another writer took one of them first the merge is refused and its files go, so builders and readers beside it lose
 * nothing and see every row once.
 */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { KeystoneError } from '../errors.js';
import type { ReportProgress } from '../progress.js';
import { randomHexId } from '../table/random-names.js';
import type { DataFile, Table, TableField, TableState } from '../table/table-api.js';
import { mergeFiles } from './merge-files.js';
import { type CompactionPolicy, type MergeGroup, planCompaction } from './plan-compaction.js';

export interface CompactOptions {
  readonly policy: CompactionPolicy;
  /** Says what would be merged and changes nothing. */
  readonly dryRun?: boolean;
  /** At most so many merges; what is left is for the next time. */
  readonly maxGroups?: number;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Called with each merged file before it is committed, e.g. to write what lies beside a data file. */
  readonly onMerged?: (file: DataFile) => Promise<void>;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

export interface Compacted {
  readonly table: string;
  /** Data files of the table before and after. */
  readonly filesBefore: number;
  readonly filesAfter: number;
  /** Small files that were merged, and what they became; in a dry run: would be. */
  readonly merged: number;
  readonly into: number;
  readonly mergedBytes: number;
  /** Merges that another writer was faster than; the next run finds them again. */
  readonly conflicts: number;
}

/** Merges of one commit: a snapshot for each would be many, one for all would lose everything to a single conflict. */
const GROUPS_IN_COMMIT = 32;

/** Throws KS_INTERRUPTED between commits, KS_TABLE_CORRUPT when files do not hold what their manifests say. */
export async function compactTable(session: DuckSession, table: Table, options: CompactOptions): Promise<Compacted> {
  const state = await table.state();
  const none = { table: table.name, filesBefore: 0, filesAfter: 0, merged: 0, into: 0, mergedBytes: 0, conflicts: 0 };
  if (!state.currentSnapshot) return none;
  const { files } = await table.scan({ snapshotId: state.currentSnapshot.id });
  const planned = planCompaction(files, options.policy, fieldsKeptApart(table, state.fields));
  const groups = planned.slice(0, options.maxGroups ?? planned.length);
  const result = { ...none, filesBefore: files.length, filesAfter: files.length };
  if (options.dryRun) return groups.reduce(withMerge, result);
  const total = groups.length;
  let compacted: Compacted = result;
  for (let at = 0; at < total; at += GROUPS_IN_COMMIT) {
    if (options.signal?.aborted) throw interrupted(table);
    const batch = groups.slice(at, at + GROUPS_IN_COMMIT);
    const merges: Merge[] = [];
    try {
      for (const group of batch) {
        merges.push(await merge(session, table, state, group, options));
        options.onProgress?.({ phase: table.name, done: at + merges.length, total, unit: 'merges' });
        if (options.signal?.aborted) break;
      }
    } catch (error) {
      await discard(table, merges).catch(() => undefined); // the first error is the one that counts
      throw error;
    }
    for (const done of await commitMerges(table, merges)) {
      compacted = done.committed ? withMerge(compacted, done.group) : { ...compacted, conflicts: compacted.conflicts + 1 };
    }
  }
  if (options.signal?.aborted) throw interrupted(table);
  return compacted;
}

interface Merge {
  readonly group: MergeGroup;
  readonly file: DataFile;
}

async function merge(
  session: DuckSession,
  table: Table,
  state: TableState,
  group: MergeGroup,
  options: CompactOptions,
): Promise<Merge> {
  const file = await mergeFiles(session, table, state, group, mergedName(table, group, options));
  try {
    await options.onMerged?.(file);
  } catch (error) {
    await discard(table, [{ group, file }]).catch(() => undefined);
    throw error;
  }
  return { group, file };
}

/** All in one snapshot, but for those whose inputs another writer has taken meanwhile. */
async function commitMerges(
  table: Table,
  merges: readonly Merge[],
): Promise<readonly { readonly group: MergeGroup; readonly committed: boolean }[]> {
  const gone = await goneFiles(table, merges);
  await discard(table, [...gone]);
  const standing = merges.filter((one) => !gone.has(one));
  // A writer that is faster even now has the whole commit refused, and its files removed with it.
  const outcome = standing.length === 0 ? null : await table.commit(replacing(standing));
  return merges.map((one) => ({ group: one.group, committed: outcome?.kind === 'committed' && !gone.has(one) }));
}

/** Merges whose inputs are no longer all in the table: found before the commit, so that they do not take the others along. */
async function goneFiles(table: Table, merges: readonly Merge[]): Promise<ReadonlySet<Merge>> {
  const paths = new Set((await table.scan()).files.map(({ path }) => path));
  return new Set(merges.filter(({ group }) => group.files.some(({ path }) => !paths.has(path))));
}

const replacing = (merges: readonly Merge[]): Parameters<Table['commit']>[0] => ({
  add: merges.map(({ file }) => file),
  remove: merges.flatMap(({ group }) => group.files.map(({ path }) => path)),
  operation: 'replace',
});

const discard = (table: Table, merges: readonly Merge[]): Promise<void> =>
  table.store.delete(merges.map(({ file }) => table.store.keyOf(file.path)));

function mergedName(table: Table, group: MergeGroup, { randomBytes }: CompactOptions): string {
  const id = randomHexId(randomBytes);
  // `<topic>-<partition>-<first>-<last>-<commit id>`, as the bronze writer names its files.
  const names = table.name === BRONZE_EVENTS.name ? group.files.map(({ path }) => BRONZE_NAME.exec(path)) : [];
  const [first, last] = [names[0], names.at(-1)];
  return first && last ? `${first[1]}-${first[2]}-${last[3]}-${id}` : `compacted-${id}`;
}

const BRONZE_NAME = /([^/]+-\d+)-(\d+)-(\d+)-[0-9a-f]+\.parquet$/;

/** A bronze file holds one topic-partition: readers of offset ranges rely on its bounds. */
const fieldsKeptApart = (table: Table, fields: readonly TableField[]): readonly TableField[] =>
  table.name === BRONZE_EVENTS.name ? fields.filter(({ name }) => name === 'topic' || name === 'kafka_partition') : [];

const withMerge = (sum: Compacted, group: MergeGroup): Compacted => ({
  ...sum,
  merged: sum.merged + group.files.length,
  into: sum.into + 1,
  mergedBytes: sum.mergedBytes + group.sizeBytes,
  filesAfter: sum.filesAfter - group.files.length + 1,
});

const interrupted = (table: Table): KeystoneError =>
  new KeystoneError('KS_INTERRUPTED', `stopped while ${table.name} was compacted; what was merged is committed`, {
    hint: `keystone table compact ${table.name}`,
  });
