/**
 * Teaches a DuckDB session the models' dialect (Athena's, that is Trino's): `athena-prelude.sql` defines macros in a schema
 * `athena` which, put first in the search path, stand before DuckDB's functions and operators of the same name.
 */
import { readFile } from 'node:fs/promises';
import type { DuckSession } from './duck-session.js';

export async function loadAthenaPrelude(session: DuckSession): Promise<void> {
  await session.run(await readFile(new URL('./athena-prelude.sql', import.meta.url), 'utf8'));
}

/** Which functions an unqualified name means from now on. */
export async function useDialect(session: DuckSession, dialect: 'engine' | 'athena'): Promise<void> {
  await session.run(dialect === 'athena' ? "SET search_path = 'athena,main'" : "SET search_path = 'main'");
}
