/** A lakehouse whose builder dies at a commit: from then on nothing of it reaches a table any more. */
import type { Lakehouse } from '../../src/core/lakehouse.js';
import type { Table, TableName } from '../../src/core/table/table-api.js';

/** What happens at a commit: it goes through, or the builder dies before or after it took effect. */
export type Fate = 'no' | 'before' | 'after';

export class Died extends Error {
  constructor(table: TableName) {
    super(`died at ${table}`);
  }
}

/** `fateOf` is asked at every commit; `nth` counts them over all tables, from 1. */
export function dyingLake(lake: Lakehouse, fateOf: (table: TableName, nth: number) => Fate): Lakehouse {
  let dead = false;
  let commits = 0;
  return {
    ...lake,
    ensureTable: async (definition) => {
      const table = await lake.ensureTable(definition);
      return {
        ...table,
        commit: async (request) => {
          if (dead) throw new Died(table.name);
          commits += 1;
          const fate = fateOf(table.name, commits);
          dead = fate !== 'no';
          if (fate === 'before') throw new Died(table.name);
          const outcome = await table.commit(request);
          if (fate === 'after') throw new Died(table.name);
          return outcome;
        },
      } satisfies Table;
    },
  };
}
