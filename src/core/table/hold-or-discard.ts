/** The last question before a commit: is the lease still ours? */
import type { ObjectStore } from '../store/object-store.js';
import type { DataFile } from './table-api.js';

/** What `hold` gives (a lease: its fencing token); when it throws, the files written for the commit go before the error does. */
export async function holdOrDiscard<T>(hold: () => T, store: ObjectStore, written: readonly DataFile[]): Promise<T> {
  try {
    return hold();
  } catch (error) {
    await store.delete(written.map(({ path }) => store.keyOf(path)));
    throw error;
  }
}
