/** The catalog behind a breaker. */
import type { Catalog } from '../table/catalog.js';
import type { Guard } from './guard.js';

export function guardedCatalog(catalog: Catalog, guard: Guard): Catalog {
  const { outside, proveSwap, register } = catalog;
  return {
    load: (...args) => guard(() => catalog.load(...args)),
    swap: (...args) => guard(() => catalog.swap(...args)),
    tableNames: () => guard(() => catalog.tableNames()),
    ...(outside === undefined ? {} : { outside: () => guard(() => outside()) }),
    // The doctor's probe is no call that a breaker may refuse.
    ...(proveSwap === undefined ? {} : { proveSwap: () => proveSwap() }),
    ...(register === undefined ? {} : { register: (...args) => guard(() => register(...args)) }),
  };
}
