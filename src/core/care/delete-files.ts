/** Deletes many files of a store: a few hundred at a time, because each folder that loses one is opened to be flushed. */
import type { ObjectStore } from '../store/object-store.js';

const AT_A_TIME = 200;

/** In the order given; absent keys are no error. */
export async function deleteFiles(store: ObjectStore, keys: readonly string[]): Promise<void> {
  for (let from = 0; from < keys.length; from += AT_A_TIME) await store.delete(keys.slice(from, from + AT_A_TIME));
}
