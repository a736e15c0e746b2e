/** What a rollback of derived tables means to whoever builds on them, or judges them. */
import { KeystoneError } from '../errors.js';
import type { RollbackMark, TableState } from '../table/table-api.js';
import type { DerivedTables } from './derivation.js';

/**
 * The rollback that took this table back and not yet `ledger.dispositions`, which go last: until then they say that what the table lost
 * is done. null: none is half done.
 */
export function halfDoneRollback(table: TableState, dispositions: TableState): RollbackMark | null {
  const { rollback } = table;
  return rollback && rollback.number > (dispositions.rollback?.number ?? 0) ? rollback : null;
}

/** Finishes it: the same rollback again. */
export const finishingCommand = ({ table, to }: RollbackMark): string => `keystone table rollback ${table} --to ${to} --yes`;

/**
 * Building on a table that was rolled back alone would hide the hole: what it lost would not be derived again. Throws KS_TABLE_CORRUPT
 * naming the table and the way out. Tables that `table rollback` took back together fit: dispositions went with them.
 */
export async function refuseRolledBack(tables: DerivedTables): Promise<void> {
  const others = [tables.error, tables.quarantine, ...tables.silver.values()];
  // Others before dispositions: a rollback marks these last.
  const states = await Promise.all(others.map(async (table) => ({ name: table.name, state: await table.state() })));
  const dispositions = await tables.dispositions.state();
  for (const { name, state } of [...states, { name: tables.dispositions.name, state: dispositions }]) {
    const halfDone = halfDoneRollback(state, dispositions);
    if (halfDone) {
      throw new KeystoneError(
        'KS_TABLE_CORRUPT',
        `a rollback of ${halfDone.table} was stopped before all tables were back: ${name} is`,
        {
          hint: finishingCommand(halfDone),
        },
      );
    }
    if (state.rolledBackFrom) {
      throw new KeystoneError(
        'KS_TABLE_CORRUPT',
        `${name} was rolled back alone from snapshot ${state.rolledBackFrom.id}; what it lost would not be derived again`,
        { hint: `keystone table rollback ${name} --to current --dry-run shows how the tables that belong to it go back with it` },
      );
    }
  }
}
