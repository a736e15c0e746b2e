/** The tables of the state database, and the numbered steps that lead there; each change of the rows is in `state-schema.ts` too. */
import { sql, type Transaction } from 'kysely';
import type { StateSchema } from './state-schema.js';

/** What PostgreSQL has beside, for `withTables`. */
export type PostgresTables = {
  /** One row: how far the steps have come. */
  schema_version: { version: number };
  /** `writer` marks each write. */
  breakers: StateSchema['breakers'] & { writer: string };
};

/** Step n leads from version n to n + 1, in the schema that is being brought up. Never change one that was released: add another. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE $.leases (
       name text PRIMARY KEY, holder text, fencing_token bigint NOT NULL, expires_at_ms bigint NOT NULL
     )`,
    `CREATE TABLE $.runs (
       id text PRIMARY KEY, command text NOT NULL, status text NOT NULL,
       started_at_ms bigint NOT NULL, ended_at_ms bigint, detail text NOT NULL
     )`,
    `CREATE INDEX runs_by_start ON $.runs (started_at_ms, id)`,
    `CREATE INDEX runs_by_command ON $.runs (command, started_at_ms, id)`,
    `CREATE TABLE $.breakers (name text PRIMARY KEY, version bigint NOT NULL, state text NOT NULL, writer text NOT NULL)`,
  ],
  [
    `CREATE TABLE $.transitions (
       seq bigserial PRIMARY KEY, id text NOT NULL UNIQUE, subject text NOT NULL, at_ms bigint NOT NULL,
       from_state text NOT NULL, to_state text NOT NULL, detail text NOT NULL
     )`,
    `CREATE INDEX transitions_by_subject ON $.transitions (subject, seq)`,
  ],
];

/** The version this code knows. */
export const POSTGRES_SCHEMA_VERSION = MIGRATIONS.length;

type Trx = Transaction<StateSchema>;

/** The version of the tables in `schema`; 0 when there are none. */
export async function readSchemaVersion(trx: Trx, schema: string): Promise<number> {
  // Never to_regclass: it answers from a cache that does not see what another committed while this transaction waited for its lock.
  const { rows } = await sql<{ there: boolean }>`
    SELECT EXISTS (
      SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ${schema} AND c.relname = 'schema_version') AS there`.execute(trx);
  if (!rows[0]?.there) return 0;
  const row = await trx
    .withSchema(schema)
    .withTables<PostgresTables>()
    .selectFrom('schema_version')
    .select('version')
    .executeTakeFirst();
  return row?.version ?? 0;
}

/**
 * Brings the tables to the newest version and returns the one it found. The lock ends with the transaction, as a pooler demands: of two
 * processes that start at once, the second finds everything done. Tables of a newer version are left as they are.
 */
export async function migratePostgres(trx: Trx, schema: string): Promise<number> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`keystone state ${schema}`}, 0))`.execute(trx);
  const found = await readSchemaVersion(trx, schema);
  if (found >= POSTGRES_SCHEMA_VERSION) return found;
  const { rows } = await sql<{ there: boolean }>`
    SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ${schema}) AS there`.execute(trx);
  // IF NOT EXISTS asks for the right to create one even where it exists.
  if (!rows[0]?.there) await sql`CREATE SCHEMA ${sql.id(schema)}`.execute(trx);
  if (found === 0) {
    await sql`CREATE TABLE ${sql.id(schema, 'schema_version')} (version integer NOT NULL)`.execute(trx);
    await trx.withSchema(schema).withTables<PostgresTables>().insertInto('schema_version').values({ version: 0 }).execute();
  }
  for (const statement of MIGRATIONS.slice(found).flat())
    await sql.raw(statement.replaceAll('$', () => quoted(schema))).execute(trx);
  await trx
    .withSchema(schema)
    .withTables<PostgresTables>()
    .updateTable('schema_version')
    .set({ version: POSTGRES_SCHEMA_VERSION })
    .execute();
  return found;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
