/** `engine.*` of a profile: what queries, checks and builds tables. */
import { z } from 'zod';
import { awsAccess } from './aws-access.js';
import { durationMs, secretReference, sizeBytes, sizeOfAtLeast } from './setting-values.js';

const athenaConfig = z.strictObject({
  ...awsAccess,
  workgroup: z.string().default('primary').describe('Workgroup that statements run in'),
  output: z
    .string()
    .regex(/^s3:\/\/[^/]+(\/.*)?$/, 'a place is written s3://bucket/prefix')
    .optional()
    .describe("Where Athena puts results, `s3://bucket/prefix/`; default: the workgroup's own"),
  catalog: z.string().default('AwsDataCatalog').describe('Data catalog that holds the databases'),
  reuse: durationMs.prefault(0).describe('A result of the same statement up to this old is taken again; 0 never'),
  timeout: durationMs.prefault('30m').describe('A statement that takes longer is cancelled'),
});

const trinoConfig = z.strictObject({
  url: z.string().optional().describe('Coordinator of Trino, `http(s)://host:port`'),
  user: z.string().default('keystone').describe('User that statements run as'),
  password: secretReference.optional().describe('Password of the user'),
  catalog: z.string().default('iceberg').describe('Catalog that holds the databases'),
  timeout: durationMs.prefault('30m').describe('A statement that takes longer is cancelled'),
});

/** DuckDB, which is always there, and the services beside it. */
export const engineConfig = z.strictObject({
  adapter: z
    .enum(['duckdb', 'athena', 'trino'])
    .default('duckdb')
    .describe('Engine for queries, validation and gold; `--engine` chooses another for one command'),
  memory: sizeOfAtLeast('64MB', 'DuckDB computes with no less')
    .prefault('400MB')
    .describe('Memory bound of DuckDB, at least 64MB; more spills to disk'),
  threads: z.number().int().min(1).max(256).default(2).describe('Threads of DuckDB'),
  maxScan: sizeBytes
    .optional()
    .describe('A statement for Athena or Trino that is estimated to read more bytes is refused; `--max-scan` for one command'),
  athena: athenaConfig.prefault({}),
  trino: trinoConfig.prefault({}),
});
