/**
 * Which snapshots of a table may go. What must stay, whatever the policy says: the current one; what a branch or tag names; in a table
 * fed from the log, the newest state before the last consumed range (the account is taken there while a builder works, and a builder
 * that died goes on from there); and snapshots whose data a rollback took from readers, as long as it is missing.
 */
import { KeystoneError } from '../errors.js';
import { currentLine, missedSnapshots, snapshotOf } from '../table/snapshot-line.js';
import { SUMMARY_NEXT_OFFSETS } from '../table/snapshot-offsets.js';
import type { Snapshot } from '../table/table-api.js';
import type { MetadataSnapshot, TableMetadata } from '../table/table-metadata.js';

export interface ExpiryPolicy {
  /** Newest snapshots of each branch that stay, at least 1. */
  readonly keep: number;
  /** A snapshot stays until this long after it stopped being the current one: a reader may have begun on it just before. */
  readonly keepForMs: number;
}

/** A query or the consumer may be at work for that long on a snapshot that was current when it began. */
export const LEAST_KEEP_MS = 60_000;

/** For whoever lets snapshots expire while others read: KS_CONFIG when they would not stay long enough for that. */
export function checkKeepFor({ automatic, keepFor }: { readonly automatic: boolean; readonly keepFor: number }): void {
  if (!automatic || keepFor >= LEAST_KEEP_MS) return;
  throw new KeystoneError(
    'KS_CONFIG',
    `care.keepFor is ${keepFor / 1000} s: files would be taken from queries that read them; the least is 1m`,
    { hint: 'set care.keepFor to 1m or more (keystone config show says where it comes from), or care.automatic to false' },
  );
}

/** Table property by which other engines forbid to delete files; kept to. */
const GC_ENABLED = 'gc.enabled';

/** The snapshots to drop, oldest first. */
export function snapshotsToExpire(metadata: TableMetadata, policy: ExpiryPolicy, nowMs: number): readonly MetadataSnapshot[] {
  if (metadata.properties?.[GC_ENABLED] === 'false') return [];
  const snapshots = metadata.snapshots ?? [];
  const line = currentLine(metadata);
  const endedAtMs = endsOf(metadata);
  const isYoung = (id: bigint, keepForMs: number): boolean => nowMs - (endedAtMs.get(id) ?? nowMs) < keepForMs;
  const kept = new Set<bigint>();
  const keepNewest = (branch: readonly Snapshot[], settings: Readonly<Record<string, unknown>>, atLeast: number): void => {
    const keepForMs = Math.max(policy.keepForMs, Number(settings['max-snapshot-age-ms'] ?? 0));
    const young = branch.findLastIndex(({ id }) => isYoung(id, keepForMs)) + 1;
    const depth = Math.max(1, policy.keep, Number(settings['min-snapshots-to-keep'] ?? 0), young, atLeast);
    for (const { id } of branch.slice(0, depth)) kept.add(id);
  };
  keepNewest(line, metadata.refs?.['main'] ?? {}, Math.max(depthOfRange(line), depthOfRows(line)));
  for (const [name, ref] of Object.entries(metadata.refs ?? {})) {
    if (name === 'main') continue;
    const branch = currentLine({ ...metadata, 'current-snapshot-id': ref['snapshot-id'] });
    if (ref.type === 'branch') keepNewest(branch, ref, 1);
    else kept.add(BigInt(ref['snapshot-id']));
  }
  for (const id of missedAndSince(metadata, line)) kept.add(id);
  const inLine = new Set(line.map(({ id }) => id));
  return snapshots
    .filter((stored) => {
      const id = BigInt(stored['snapshot-id']);
      return !kept.has(id) && (inLine.has(id) || !isYoung(id, policy.keepForMs));
    })
    .toSorted((a, b) => a['sequence-number'] - b['sequence-number']);
}

/** Id → when the snapshot stopped being the newest of its line, ms; Infinity for the current one. */
function endsOf(metadata: TableMetadata): ReadonlyMap<bigint, number> {
  const ends = new Map<bigint, number>();
  const notBefore = (id: bigint, ms: number): void => void ends.set(id, Math.max(ms, ends.get(id) ?? 0));
  for (const snapshot of (metadata.snapshots ?? []).map(snapshotOf)) {
    notBefore(snapshot.id, snapshot.timestampMs);
    if (snapshot.parentId !== null) notBefore(snapshot.parentId, snapshot.timestampMs);
  }
  const log = metadata['snapshot-log'] ?? [];
  for (const [i, entry] of log.entries()) {
    notBefore(BigInt(entry['snapshot-id']), log[i + 1]?.['timestamp-ms'] ?? Number.POSITIVE_INFINITY);
  }
  return ends;
}

/**
 * How many of the line's newest reach back to a state before the last consumed range: the whole line where no such state is kept,
 * 0 for a table that is not fed from the log. Other engines' snapshots carry no offsets and count for nothing.
 */
function depthOfRange(line: readonly Snapshot[]): number {
  const offsetsOf = (one: Snapshot): string | undefined => one.summary[SUMMARY_NEXT_OFFSETS];
  const current = line.map(offsetsOf).find((text) => text !== undefined);
  if (current === undefined) return 0;
  const before = line.findIndex((one) => offsetsOf(one) !== undefined && offsetsOf(one) !== current);
  return before === -1 ? line.length : before + 1;
}

/** How many reach back to the newest that changed rows: what its summary says of their making holds for those that only moved them. */
const depthOfRows = (line: readonly Snapshot[]): number => line.findIndex(({ operation }) => operation !== 'replace') + 1;

/**
 * What a rollback took away, and every snapshot that was made current since: were one of these dropped, the history would have to go
 * up to it, and with it the only sign that the rolled-back one had ever been current.
 */
function missedAndSince(metadata: TableMetadata, line: readonly Snapshot[]): ReadonlySet<bigint> {
  const missed = new Set(missedSnapshots(metadata, line).map(({ id }) => id));
  if (missed.size === 0) return missed;
  const log = (metadata['snapshot-log'] ?? []).map((entry) => BigInt(entry['snapshot-id']));
  const first = Math.min(...[...missed].map((id) => log.lastIndexOf(id)));
  return new Set([...missed, ...log.slice(first)]);
}
