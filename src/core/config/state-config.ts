/** `state.*` of a profile: where runs, leases and decisions are kept. */
import { z } from 'zod';
import { durationMs, secretReference } from './setting-values.js';

const postgresConfig = z.strictObject({
  url: secretReference
    .optional()
    .describe(
      '`postgres://user:password@host:port/database?sslmode=…`: disable, require, verify-ca or verify-full (with sslrootcert)',
    ),
  schema: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'a schema is named by letters, digits and _')
    .default('keystone')
    .describe('Schema of its tables, made when it is missing; projects that share a database need one each'),
  poolSize: z.number().int().min(1).max(100).default(5).describe('Connections of this process'),
  statementTimeout: durationMs.prefault('30s').describe('A statement that takes longer is cancelled'),
});

/** A SQLite file, or a schema of PostgreSQL. */
export const stateConfig = z.strictObject({
  adapter: z
    .enum(['sqlite', 'postgres'])
    .default('sqlite')
    .describe('Where runs and leases are kept: `sqlite` is a file, `postgres` the database of `state.postgres`'),
  path: z.string().default('.keystone/state.db').describe('The state file, relative to the project'),
  postgres: postgresConfig.prefault({}),
});
