/** The catalog behind a breaker. */
import type { Catalog } from '../table/catalog.js';
import type { Guard } from './guard.js';

export function guardedCatalog(catalog: Catalog, guard: Guard): Catalog {
  return {
    load: (...args) => guard(() => catalog.load(...args)),
    swap: (...args) => guard(() => catalog.swap(...args)),
    tableNames: () => guard(() => catalog.tableNames()),
  };
}
