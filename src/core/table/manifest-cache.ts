/**
 * Manifests and manifest lists never change once written, so each is parsed once per process: planning a scan, and every commit's
 * look at its base, then cost no reads. Bounded by the number of entries held; the least recently used go first.
 */
import { KeystoneError } from '../errors.js';
import type { ObjectStore } from '../store/object-store.js';
import { decodeAvro } from './avro-file.js';
import { checkedManifestList } from './manifest-checks.js';
import { type ManifestEntry, readManifest } from './manifest.js';
import { type ManifestFile, canonicalNames } from './manifest-schema.js';
import type { MetadataSnapshot, TableMetadata } from './table-metadata.js';

/** About 4 kB each with twelve columns' metrics. */
const MAX_ENTRIES = 8_000;

export interface ManifestReader {
  /** The manifest list of a snapshot; empty for null. */
  manifestsOf(snapshot: MetadataSnapshot | null): Promise<readonly ManifestFile[]>;
  /** All entries, deleted ones included. */
  entriesOf(manifest: ManifestFile, metadata: TableMetadata): Promise<readonly ManifestEntry[]>;
  /** Takes in what this process just wrote, so that it need not be read back. */
  remember(path: string, list: readonly ManifestFile[]): void;
}

const readers = new WeakMap<ObjectStore, ManifestReader>();

/** The reader of a store: one per process, shared by all tables. */
export function manifestReader(store: ObjectStore): ManifestReader {
  const known = readers.get(store);
  if (known) return known;
  const lists = boundedCache<readonly ManifestFile[]>(MAX_ENTRIES);
  const manifests = boundedCache<readonly ManifestEntry[]>(MAX_ENTRIES);
  const bytesOf = async (uri: string): Promise<Uint8Array> => {
    const stored = await store.get(store.keyOf(uri));
    if (stored) return stored.body;
    throw new KeystoneError('KS_TABLE_CORRUPT', `${uri} is missing, although the table's metadata names it`, {
      hint: 'Restore the file from a backup, or roll the table back to a snapshot before it (keystone table show lists them).',
    });
  };
  const reader: ManifestReader = {
    manifestsOf: async (snapshot) => {
      if (!snapshot) return [];
      const path = snapshot['manifest-list'];
      return lists.get(path, async () => {
        const { records } = decodeAvro(await bytesOf(path), path, canonicalNames);
        return checkedManifestList(records, snapshot);
      });
    },
    entriesOf: (manifest, metadata) =>
      manifests.get(manifest.manifest_path, async () => readManifest(await bytesOf(manifest.manifest_path), manifest, metadata)),
    remember: (path, list) => lists.put(path, list),
  };
  readers.set(store, reader);
  return reader;
}

interface BoundedCache<V> {
  get(key: string, make: () => Promise<V>): Promise<V>;
  put(key: string, value: V): void;
}

function boundedCache<V extends readonly unknown[]>(maxEntries: number): BoundedCache<V> {
  const held = new Map<string, V>();
  const underWay = new Map<string, Promise<V>>();
  let entries = 0;
  const put = (key: string, value: V): void => {
    entries += value.length - (held.get(key)?.length ?? 0);
    held.delete(key);
    held.set(key, value); // at the end: most recently used
    for (const [oldest, dropped] of held) {
      if (entries <= maxEntries || oldest === key) break;
      held.delete(oldest);
      entries -= dropped.length;
    }
  };
  return {
    put,
    get: async (key, make) => {
      const found = held.get(key);
      if (found) {
        held.delete(key);
        held.set(key, found);
        return found;
      }
      const made =
        underWay.get(key) ??
        make()
          .then((value) => {
            put(key, value);
            return value;
          })
          .finally(() => underWay.delete(key));
      underWay.set(key, made);
      return made;
    },
  };
}
