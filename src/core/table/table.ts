/** Opens and changes Iceberg tables: the implementation of the port in `table-api.ts` over a catalog and an object store. */
import { isKeystoneError, KeystoneError } from '../errors.js';
import type { ObjectStore } from '../store/object-store.js';
import type { Catalog } from './catalog.js';
import { type TableEffects, commitLoop } from './commit-loop.js';
import { tableFolder } from './data-path.js';
import { discardFiles } from './discard-files.js';
import { evolveSchema } from './evolve-schema.js';
import { parseFields } from './iceberg-type.js';
import { manifestReader } from './manifest-cache.js';
import { newTable } from './new-table.js';
import { nextSnapshot, withCurrent } from './next-snapshot.js';
import { writablePartition } from './partition-spec.js';
import { planScan } from './plan-scan.js';
import { randomSnapshotId, randomUuid } from './random-names.js';
import { rollbackMarkOf } from './rollback-mark.js';
import { currentLine, fencedStateOf, rolledBackFrom, snapshotOf } from './snapshot-line.js';
import type { CommitOutcome, CommitRequest, Snapshot, Table, TableDefinition, TableName, TableState } from './table-api.js';
import { type MetadataSnapshot, type TableMetadata, currentSchema, currentSnapshot, snapshotById } from './table-metadata.js';

/** An existing table, or null. */
export async function openTable(
  catalog: Catalog,
  store: ObjectStore,
  name: TableName,
  effects: TableEffects,
): Promise<Table | null> {
  const entry = await catalog.load(name);
  return entry && tableOver(catalog, store, name, entry.metadata.location, effects);
}

/**
 * The table of the definition: created if absent, given its missing optional columns otherwise. Another creator may be first.
 * Throws KS_CONFIG naming the column when an existing table differs in any other way.
 */
export async function ensureTable(
  catalog: Catalog,
  store: ObjectStore,
  definition: TableDefinition,
  effects: TableEffects,
): Promise<Table> {
  const { name } = definition;
  if (!(await catalog.load(name))) {
    const uuid = randomUuid(effects.randomBytes);
    await catalog.swap(name, null, newTable(definition, store.uri(tableFolder(name)), uuid, effects.clock.nowMs()));
  }
  const outcome = await commitLoop(catalog, name, effects, async (base, nowMs) => {
    const evolved = evolveSchema(base.metadata, definition);
    const { location } = base.metadata;
    if (!evolved) return { kind: 'done', result: location };
    return { kind: 'swap', metadata: { ...evolved, 'last-updated-ms': nowMs }, result: location };
  });
  if (outcome.kind === 'lost') throw conflict(name, outcome.tries);
  return tableOver(catalog, store, name, outcome.result, effects);
}

function tableOver(catalog: Catalog, store: ObjectStore, name: TableName, location: string, effects: TableEffects): Table {
  const reader = manifestReader(store);
  const load = async (): Promise<{ readonly metadata: TableMetadata; readonly location: string }> => {
    const entry = await catalog.load(name);
    if (entry) return entry;
    throw new KeystoneError('KS_NOT_FOUND', `There is no table ${name} any more`, {
      hint: 'keystone table list shows all tables.',
    });
  };
  return {
    name,
    location,
    store,
    state: async () => {
      const entry = await load();
      return stateOf(entry.metadata, entry.location);
    },
    scan: async ({ snapshotId, bounds = [] } = {}) => {
      const { snapshot, files } = await onNewest(load, async ({ metadata }) => {
        const chosen = snapshotId === undefined ? currentSnapshot(metadata) : knownSnapshot(metadata, name, snapshotId);
        return { snapshot: chosen, files: await planScan(metadata, chosen, reader, bounds) };
      });
      return {
        snapshot: snapshot && snapshotOf(snapshot),
        files,
        recordCount: files.reduce((sum, { recordCount }) => sum + recordCount, 0),
        sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      };
    },
    commit: (request) => commit(catalog, store, name, request, effects),
    rollback: async (snapshotId) => {
      const outcome = await commitLoop<Snapshot>(catalog, name, effects, async ({ metadata }, nowMs) => {
        const target = knownSnapshot(metadata, name, snapshotId);
        const result = snapshotOf(target);
        if (currentSnapshot(metadata)?.['snapshot-id'] === target['snapshot-id']) return { kind: 'done', result };
        return { kind: 'swap', metadata: withCurrent(metadata, snapshotId, nowMs), result };
      });
      if (outcome.kind === 'lost') throw conflict(name, outcome.tries);
      return outcome.result;
    },
    metadata: load,
    changeMetadata: async (build) => {
      const outcome = await commitLoop<TableMetadata>(catalog, name, effects, async ({ metadata }, nowMs) => {
        const next = await build(metadata);
        if (!next) return { kind: 'done', result: metadata };
        const changed = { ...next, 'last-updated-ms': nowMs };
        return { kind: 'swap', metadata: changed, result: changed };
      });
      if (outcome.kind === 'lost') throw conflict(name, outcome.tries);
      return outcome.result;
    },
  };
}

/** Reads the newest metadata's files; again when a file is gone because the metadata was overtaken and its snapshot has expired. */
async function onNewest<E extends { readonly location: string }, T>(
  load: () => Promise<E>,
  read: (entry: E) => Promise<T>,
): Promise<T> {
  const entry = await load();
  try {
    return await read(entry);
  } catch (error) {
    if (!isKeystoneError(error) || error.code !== 'KS_TABLE_CORRUPT' || (await load()).location === entry.location) throw error;
    return onNewest(load, read);
  }
}

async function commit(
  catalog: Catalog,
  store: ObjectStore,
  name: TableName,
  request: CommitRequest,
  effects: TableEffects,
): Promise<CommitOutcome> {
  const reader = manifestReader(store);
  const uriOf = (fileName: string): string => store.uri(`${tableFolder(name)}/metadata/${fileName}`);
  const outcome = await commitLoop<CommitOutcome>(catalog, name, effects, async ({ metadata }, nowMs) => {
    const snapshotId = randomSnapshotId(effects.randomBytes);
    const names = { snapshotId, nowMs, uriOf, unique: randomUuid(effects.randomBytes) };
    const next = await nextSnapshot(metadata, request, names, reader);
    if (next.kind !== 'next') {
      await discardFiles(request.add, metadata, reader, store);
      return { kind: 'done', result: next };
    }
    const keys = next.written.map(({ uri }) => store.keyOf(uri));
    const discard = (): Promise<void> => store.delete(keys);
    try {
      await Promise.all(next.written.map(({ bytes }, i) => store.put(keys[i] as string, bytes, { kind: 'ifAbsent' })));
    } catch (error) {
      await discard().catch(() => undefined); // the first error is the one that counts
      throw error;
    }
    reader.remember(next.snapshot['manifest-list'], next.manifests);
    return {
      kind: 'swap',
      metadata: next.metadata,
      result: { kind: 'committed', snapshot: snapshotOf(next.snapshot) },
      onLost: discard,
    };
  });
  if (outcome.kind === 'settled') return outcome.result;
  const newest = await catalog.load(name);
  if (newest) await discardFiles(request.add, newest.metadata, reader, store);
  return { kind: 'conflict', reason: `another writer was first ${outcome.tries} times in a row` };
}

function stateOf(metadata: TableMetadata, metadataLocation: string): TableState {
  const line = currentLine(metadata);
  const { nextOffsets, holes, losses } = fencedStateOf(line);
  return {
    metadataLocation,
    fields: parseFields(currentSchema(metadata).fields),
    partition: writablePartition(metadata),
    specId: metadata['default-spec-id'],
    properties: metadata.properties ?? {},
    lastUpdatedMs: metadata['last-updated-ms'],
    currentSnapshot: line[0] ?? null,
    snapshots: (metadata.snapshots ?? []).map(snapshotOf).toSorted((a, b) => a.sequenceNumber - b.sequenceNumber),
    nextOffsets,
    holes,
    losses,
    rolledBackFrom: rolledBackFrom(metadata, line),
    rollback: rollbackMarkOf(metadata),
  };
}

function knownSnapshot(metadata: TableMetadata, name: TableName, id: bigint): MetadataSnapshot {
  const found = snapshotById(metadata, id);
  if (found) return found;
  throw new KeystoneError('KS_NOT_FOUND', `${name} has no snapshot ${id}`, {
    hint: `keystone table show ${name} lists the snapshots that are kept.`,
  });
}

const conflict = (name: TableName, tries: number): KeystoneError =>
  new KeystoneError('KS_COMMIT_CONFLICT', `Another writer changed ${name} first, ${tries} times in a row`, {
    hint: 'Run the same command again when fewer writers are at work; nothing was changed.',
  });
