/**
 * One store over several: each layer of the lake (`bronze`, `silver`, …: the first segment of a key) may lie in a store of its own, such as
 * a bucket with its own rights and lifecycle; what belongs to no such layer lies in the base. Inside its own store a key goes without
 * the layer's name: `silver/orders/data/a.parquet` is `s3://<bucket of silver>/orders/data/a.parquet`.
 */
import { isKeystoneError } from '../errors.js';
import { compareKeys } from './object-key.js';
import type { ObjectInfo, ObjectStore } from './object-store.js';

export function layeredStore(base: ObjectStore, layers: ReadonlyMap<string, ObjectStore>): ObjectStore {
  /** The store of a key, and the key there. */
  const placeOf = (key: string): { readonly store: ObjectStore; readonly layer: string; readonly inner: string } => {
    const slash = key.indexOf('/');
    const layer = slash < 0 ? undefined : layers.get(key.slice(0, slash));
    return layer
      ? { store: layer, layer: key.slice(0, slash + 1), inner: key.slice(slash + 1) }
      : { store: base, layer: '', inner: key };
  };
  /** Objects of a layer's name in the base are shadowed: nothing could read them. */
  const isShadowed = (key: string): boolean => layers.has(key.split('/')[0] ?? '') && key.includes('/');

  async function* under(layer: string, store: ObjectStore, prefix: string): AsyncIterable<ObjectInfo> {
    for await (const info of store.list(prefix)) yield { ...info, key: `${layer}${info.key}` };
  }
  /** Layers are whole stretches in the order of keys: each is given where it falls between the keys of the base. */
  async function* everywhere(prefix: string): AsyncIterable<ObjectInfo> {
    const names = [...layers.keys()].filter((name) => name.startsWith(prefix)).toSorted((a, b) => compareKeys(`${a}/`, `${b}/`));
    let next = 0;
    const before = async function* (key: string | null): AsyncIterable<ObjectInfo> {
      for (; next < names.length; next += 1) {
        const name = names[next] ?? '';
        const store = layers.get(name);
        if (key !== null && compareKeys(`${name}/`, key) > 0) return;
        if (store) yield* under(`${name}/`, store, '');
      }
    };
    for await (const info of base.list(prefix)) {
      if (isShadowed(info.key)) continue;
      yield* before(info.key);
      yield info;
    }
    yield* before(null);
  }

  return {
    uri: (key) => {
      const { store, inner } = placeOf(key);
      return store.uri(inner);
    },
    keyOf: (uri) => {
      for (const [name, store] of layers) {
        try {
          return `${name}/${store.keyOf(uri)}`;
        } catch (error) {
          if (!isKeystoneError(error)) throw error; // another store's
        }
      }
      return base.keyOf(uri);
    },
    put: (key, body, condition) => {
      const { store, inner } = placeOf(key);
      return store.put(inner, body, condition);
    },
    putFile: (key, localPath) => {
      const { store, inner } = placeOf(key);
      return store.putFile(inner, localPath);
    },
    get: (key) => {
      const { store, inner } = placeOf(key);
      return store.get(inner);
    },
    list: (prefix) => {
      if (!prefix.includes('/')) return everywhere(prefix);
      const { store, layer, inner } = placeOf(prefix);
      return under(layer, store, inner);
    },
    folders: async (prefix) => {
      if (prefix !== '') {
        const { store, inner } = placeOf(prefix.endsWith('/') ? prefix : `${prefix}/`);
        return store.folders(inner);
      }
      const own = (await base.folders('')).filter((name) => !layers.has(name));
      const filled = await Promise.all(
        [...layers].map(async ([name, store]) => ((await store.folders('')).length > 0 ? [name] : [])),
      );
      return [...own, ...filled.flat()].toSorted(compareKeys);
    },
    delete: async (keys) => {
      const places = keys.map(placeOf);
      for (const store of new Set(places.map((place) => place.store)))
        await store.delete(places.filter((place) => place.store === store).map(({ inner }) => inner));
    },
    localPath: (key) => {
      const { store, inner } = placeOf(key);
      return store.localPath(inner);
    },
    stagingDir: () => base.stagingDir(),
    proveConditions: async () => {
      for (const store of [base, ...layers.values()]) await store.proveConditions?.();
    },
  };
}
