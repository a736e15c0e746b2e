/**
 * Keys of an object store: relative, `/` between segments, the same on every adapter. A key that could leave the store's root
 * or mean two things is refused before any adapter sees it.
 */
import { KeystoneError } from '../errors.js';

/** Every segment that begins so is the store's own (files in the making, locks) and never a key. */
export const RESERVED_SEGMENT = '.keystone-staging';

/** Returns `key`; throws KS_STORE when it is absolute, empty, has `.`, `..`, `\`, control characters, or is reserved. */
export function checkedKey(key: string): string {
  const refused = key
    .split('/')
    .some((segment) => segment === '' || segment === '.' || segment === '..' || segment.startsWith(RESERVED_SEGMENT));
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is refused
  if (refused || /[\u0000-\u001f\u007f\\]/.test(key)) {
    throw new KeystoneError('KS_STORE', `"${key}" is no key of an object store`, {
      hint: 'Keys are relative paths such as bronze/events/data/a.parquet, without empty, "." and ".." segments.',
    });
  }
  return key;
}

/** Order of keys in a listing: by their UTF-8 bytes, which differs from JavaScript's order beyond the Basic Multilingual Plane. */
export const compareKeys = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
