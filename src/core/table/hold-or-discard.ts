/** The last question before a commit: is the lease still ours? */
import type { ObjectStore } from '../store/object-store.js';
import type { DataFile } from './table-api.js';

/** The fencing token of `holdLease`; when it throws, the files written for the commit go before the error does. */
export async function holdOrDiscard(holdLease: () => number, store: ObjectStore, written: readonly DataFile[]): Promise<number> {
  try {
    return holdLease();
  } catch (error) {
    await store.delete(written.map(({ path }) => store.keyOf(path)));
    throw error;
  }
}
