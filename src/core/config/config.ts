/**
 * The shape of `keystone.yaml`, one source of validation, types, defaults and `docs/configuration.md` (each field's text is its
 * `describe`). Loading, profiles and overrides are in `load-config.ts`; sizes are written `512MB`, durations `5s`.
 */
import { z } from 'zod';
import { parseDuration, parseSize } from './units.js';

/** Bytes: a number, or text such as `512MB` or `1GiB`. */
export const sizeBytes = z.union([z.number().int().nonnegative(), z.string()]).transform((value, context) => {
  if (typeof value === 'number') return value;
  const size = parseSize(value);
  if (size !== null) return size;
  context.addIssue({ code: 'custom', message: `"${value}" is no size: write it like 512MB or 1GiB` });
  return z.NEVER;
});

/** The same, refused below `least` (as one writes it): what works with less stands still, or cannot keep its bound. */
const sizeOfAtLeast = (least: string, why: string) =>
  sizeBytes.refine((bytes) => bytes >= (parseSize(least) ?? 0), { message: `is less than ${least}, the least: ${why}` });

/** Milliseconds: a number, or text such as `500ms`, `5s`, `2m`. */
export const durationMs = z.union([z.number().nonnegative(), z.string()]).transform((value, context) => {
  if (typeof value === 'number') return value;
  const ms = parseDuration(value);
  if (ms !== null) return ms;
  context.addIssue({ code: 'custom', message: `"${value}" is no duration: write it like 500ms, 5s or 2m` });
  return z.NEVER;
});

/** A secret by reference only: `env:NAME` or `file:PATH`. Never the secret itself. */
export const secretReference = z
  .string()
  .regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/, 'a secret is given by reference: env:NAME or file:PATH');

/** Where one AWS service is and who asks; the same four settings for each. */
const awsAccess = {
  region: z.string().default('us-east-1').describe('Region of the service'),
  endpoint: z.string().optional().describe('Another endpoint than that of AWS'),
  accessKeyId: secretReference.optional().describe("Default: the SDK's chain of credentials"),
  secretAccessKey: secretReference.optional().describe("Default: the SDK's chain of credentials"),
};

const kafkaConfig = z.strictObject({
  brokers: z
    .string()
    .optional()
    .describe('Brokers of Kafka, `host:port`, comma-separated; the variable may also be `KEYSTONE_BROKERS`'),
  cluster: z.string().optional().describe('ARN of an MSK cluster, which is asked for its brokers when none are named'),
  network: z
    .enum(['private', 'public', 'vpc'])
    .default('private')
    .describe('Which addresses of the MSK cluster: in its own network, public, or by multi-VPC connectivity'),
  aws: z
    .strictObject({
      ...awsAccess,
      region: z.string().optional().describe('Region of the MSK cluster; default: as its ARN or brokers say'),
    })
    .prefault({}),
  clientId: z.string().min(1).default('keystone').describe('Name under which Kafka knows this client'),
  tls: z.boolean().default(false).describe('Whether the brokers are spoken to over TLS'),
  ca: z.string().optional().describe('CA certificates (PEM file) that sign the brokers; default: those of the system'),
  certificate: z.string().optional().describe('Client certificate for mutual TLS (PEM file)'),
  key: z.string().optional().describe('Private key of the client certificate (PEM file)'),
  sasl: z
    .enum(['none', 'plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer', 'aws-msk-iam'])
    .default('none')
    .describe('How this client proves who it is'),
  username: z.string().optional().describe('For PLAIN and SCRAM'),
  password: secretReference.optional().describe('For PLAIN and SCRAM'),
  token: secretReference.optional().describe('For OAUTHBEARER'),
  replication: z.number().int().min(1).default(1).describe('Replicas of a topic that is created here'),
  compression: z
    .enum(['none', 'gzip', 'snappy', 'lz4'])
    .default('none')
    .describe(
      'Codec of the batches that are written; `gzip` makes orders a quarter to a fifth for some three CPU seconds per million events, the others a third for no less; all codecs are read, zstd too',
    ),
});

const logConfig = z.strictObject({
  adapter: z
    .enum(['embedded', 'kafka'])
    .default('embedded')
    .describe('Where events are logged: `embedded` is a SQLite file, `kafka` the brokers of `log.kafka`'),
  path: z.string().default('.keystone/log.db').describe('The embedded log file, relative to the project'),
  topic: z.string().min(1).default('olist-enterprise-events').describe('Topic that ingest writes and the consumer reads'),
  partitions: z.number().int().min(1).max(1024).default(6).describe('Partitions of a topic that is created here'),
  kafka: kafkaConfig.prefault({}),
});

const layerBuckets = z.strictObject({
  bronze: z.string().min(1).optional().describe('Bucket of the tables `bronze.*`; default: `store.s3.bucket`'),
  silver: z.string().min(1).optional().describe('Bucket of `silver.*`'),
  gold: z.string().min(1).optional().describe('Bucket of `gold.*`'),
  quarantine: z.string().min(1).optional().describe('Bucket of `quarantine.*`'),
  error: z.string().min(1).optional().describe('Bucket of `error.*`'),
});

const s3Config = z.strictObject({
  bucket: z.string().optional().describe('Bucket of the lake'),
  buckets: layerBuckets.prefault({}),
  prefix: z.string().default('').describe('Key prefix of the lake in the bucket; slashes at its ends are left out'),
  region: z.string().default('us-east-1').describe('Region of the bucket'),
  endpoint: z.string().optional().describe('Another endpoint than that of AWS'),
  pathStyle: z.boolean().default(false).describe('Whether the bucket is named in the path instead of the host'),
  accessKeyId: secretReference.optional().describe("Default: the SDK's chain of credentials"),
  secretAccessKey: secretReference.optional().describe("Default: the SDK's chain of credentials"),
  encryption: z.enum(['none', 'AES256', 'aws:kms']).default('none').describe('Encryption at rest that each put asks for'),
  kmsKey: z.string().optional().describe('Key for `aws:kms`'),
  cache: z
    .string()
    .default('.keystone/cache')
    .describe('Local copies of data files for engines that read files, relative to the project'),
  cacheSize: sizeBytes.prefault('10GB').describe('Bound on the local copies; the least recently used go first'),
});

const storeConfig = z.strictObject({
  adapter: z
    .enum(['folder', 's3'])
    .default('folder')
    .describe('Where table files live: `folder` is a local directory, `s3` the bucket of `store.s3`'),
  path: z.string().default('lake').describe('The lake folder, relative to the project'),
  s3: s3Config.prefault({}),
});

const glueConfig = z.strictObject({
  ...awsAccess,
  catalogId: z.string().optional().describe("Id of the Glue catalog; default: the account's own"),
  databasePrefix: z
    .string()
    .regex(/^[a-z0-9_]*$/, 'a database is named by small letters, digits and _')
    .default('')
    .describe('Put before the databases `bronze`, `silver`, `gold`, …; lakes that share a catalog need one each'),
});

const catalogConfig = z.strictObject({
  adapter: z
    .enum(['folder', 'glue'])
    .default('folder')
    .describe(
      'Which metadata file of a table is current: `folder` decides by the highest `v<N>.metadata.json`, `glue` by the table in the Glue catalog',
    ),
  glue: glueConfig.prefault({}),
});

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

const engineConfig = z.strictObject({
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

const stateConfig = z.strictObject({
  adapter: z
    .enum(['sqlite', 'postgres'])
    .default('sqlite')
    .describe('Where runs and leases are kept: `sqlite` is a file, `postgres` the database of `state.postgres`'),
  path: z.string().default('.keystone/state.db').describe('The state file, relative to the project'),
  postgres: postgresConfig.prefault({}),
});

const cloudwatchConfig = z.strictObject({
  ...awsAccess,
  namespace: z.string().min(1).default('Keystone').describe('Namespace of the metrics'),
});

const metricsConfig = z.strictObject({
  adapter: z
    .enum(['none', 'cloudwatch'])
    .default('none')
    .describe('Where numbers of runs are sent: `cloudwatch` to AWS; the Prometheus endpoint is beside it, by `metrics.port`'),
  host: z.string().default('127.0.0.1').describe('Address of the Prometheus endpoint'),
  port: z
    .number()
    .int()
    .min(0)
    .max(65535)
    .optional()
    .describe(
      'Port on which `ingest serve` and `consume run` answer `/metrics` for Prometheus; absent: none; 0 takes a free one',
    ),
  emf: z
    .boolean()
    .default(false)
    .describe(
      'Whether numbers are also lines of the Embedded Metric Format among the log lines (`logging.format: json`), in the namespace of `metrics.cloudwatch`',
    ),
  cloudwatch: cloudwatchConfig.prefault({}),
});

export const profileConfig = z.strictObject({
  log: logConfig.prefault({}),
  store: storeConfig.prefault({}),
  catalog: catalogConfig.prefault({}),
  engine: engineConfig.prefault({}),
  state: stateConfig.prefault({}),
  metrics: metricsConfig.prefault({}),
});

/** Absent where it has no default; files are relative to the project. */
const tlsConfig = z.strictObject({
  certificate: z.string().optional().describe('Certificate chain of the doors (PEM file); with it both doors speak TLS only'),
  key: z.string().optional().describe('Private key of the certificate (PEM file)'),
  clientCa: z.string().optional().describe('CA certificates (PEM file) that sign the certificates of clients'),
  clientCertificate: z
    .enum(['none', 'optional', 'required'])
    .default('none')
    .describe(
      'Whether clients show a certificate: `required` is mutual TLS; its subject names the producer, or the bearer token where one is shown too',
    ),
});

const limitsConfig = z.strictObject({
  eventsPerSecond: z
    .number()
    .positive()
    .optional()
    .describe('Events per second taken from one client; more is RESOURCE_EXHAUSTED'),
  bytesPerSecond: sizeBytes.optional().describe('Payload bytes per second taken from one client'),
  inFlight: sizeBytes.prefault('16MiB').describe('Payload bytes of one client accepted and not yet durable'),
  connections: z
    .number()
    .int()
    .min(1)
    .default(4096)
    .describe('Open connections of a door; for one more, the one that has shown least makes room'),
  idle: durationMs.prefault('5m').describe('A connection without a call for this long is closed'),
  requestTime: durationMs.prefault('30s').describe('Longest time for a handshake, a whole request, or the answer to a ping'),
});

const httpConfig = z.strictObject({
  port: z.number().int().min(0).max(65535).optional().describe('Port of the HTTP door; absent: no HTTP door; 0 takes a free one'),
});

const spoolConfig = z.strictObject({
  path: z.string().default('.keystone/spool').describe('Folder of the local spool, relative to the project'),
  maxSize: sizeBytes.prefault('1GB').describe('Bound on the bytes that wait in the spool; beyond it events are refused'),
  patience: durationMs
    .prefault('5s')
    .describe(
      'How long an append waits for a broker before its events go to the spool; 0: they are refused instead, and there is no spool',
    ),
});

const ingestConfig = z.strictObject({
  host: z.string().default('127.0.0.1').describe('Address the ingest server listens on'),
  port: z.number().int().min(0).max(65535).default(50051).describe('Port of the ingest server; 0 takes a free one'),
  defaultDataset: z.string().default('orders').describe('Dataset of an event that names none'),
  key: z
    .enum(['business', 'event-id', 'none'])
    .default('business')
    .describe("Partition key: the contract's key columns, the event id, or none"),
  linger: durationMs.prefault(0).describe('Fixed wait before a group commit; 0 commits when the event loop is free'),
  maxMessage: sizeBytes.prefault('4MiB').describe('Largest gRPC message and HTTP body taken'),
  maxInFlight: sizeBytes
    .prefault('64MiB')
    .describe('Payload bytes accepted and not yet durable, over all clients; more is RESOURCE_EXHAUSTED'),
  workers: z.number().int().min(1).max(256).default(1).describe('Processes that serve behind one port'),
  tls: tlsConfig.prefault({}),
  tokens: z
    .record(z.string().min(1), secretReference, {
      error: 'a table of producers and where their tokens are: write producer: env:NAME or producer: file:PATH below it',
    })
    .prefault({})
    .describe(
      "Bearer token of one producer; when there is one, a client without certificate needs one, and the producer's name becomes the source of its events",
    ),
  limits: limitsConfig.prefault({}),
  http: httpConfig.prefault({}),
  spool: spoolConfig.prefault({}),
});

const consumeConfig = z.strictObject({
  group: z
    .string()
    .default('lakehouse-enterprise-writers')
    .describe('Consumer group: on Kafka its members share the partitions of the topic; lag tools see its committed offsets'),
  // Measured: an idle process takes 185 MB, one that lands and derives 150,000 orders 485 MB however little it is given.
  maxMemory: sizeOfAtLeast('512MB', 'the process itself takes nearly that')
    .prefault('768MB')
    .describe('Bound on the memory of `consume run`, at least 512MB'),
  // Measured: batches of 100 KB take ten times as long as those of 6 MB, and each is a commit that leaves its files.
  flushBytes: sizeOfAtLeast('1MB', 'each batch is a commit')
    .prefault('256MB')
    .describe('Memory of events that makes a batch full (at most a share of maxMemory), at least 1MB'),
  flushRows: z.number().int().min(1).default(200_000).describe('Events that make a batch full'),
  flushInterval: durationMs.prefault('5s').describe('Longest time an event waits for its batch'),
  leaseTtl: durationMs
    .prefault('15s')
    .describe(
      'A builder that has not renewed its lease for this long may be replaced; on Kafka also the session in the group, at least 6s',
    ),
});

const careConfig = z.strictObject({
  automatic: z.boolean().default(true).describe('Whether `consume run` compacts and expires its tables by this policy'),
  everyCommits: z
    .number()
    .int()
    .min(1)
    .default(32)
    .describe('Derived ranges after which `consume run` looks whether a table needs care'),
  smallFile: sizeBytes.prefault('32MB').describe('Data files below this size are merged'),
  targetFile: sizeBytes.prefault('128MB').describe('Size up to which small files are merged'),
  minFiles: z.number().int().min(2).default(8).describe('Small files of a partition that are worth merging'),
  keepSnapshots: z.number().int().min(1).default(100).describe('Newest snapshots of a table that never expire'),
  keepFor: durationMs
    .prefault('15m')
    .describe('Snapshots younger than this never expire; at least 1m where `consume run` cares for tables'),
});

const loggingConfig = z.strictObject({
  format: z
    .enum(['text', 'json'])
    .default('text')
    .describe('What is written beside results: lines for people, or one JSON object each (`--log-format`)'),
  level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('The least important line that is written'),
});

const resilienceConfig = z.strictObject({
  patience: durationMs
    .prefault('2m')
    .describe(
      'How long a command that has an end waits for a service that went away in its middle; `consume run` and `ingest serve` wait on',
    ),
});

/** Defaults: list prices of us-east-1 (https://aws.amazon.com/s3/pricing, https://aws.amazon.com/athena/pricing). */
const costConfig = z.strictObject({
  storagePerGbMonth: z.number().nonnegative().default(0.023).describe('US dollars for a GB in S3 for a month'),
  scanPerTb: z.number().nonnegative().default(5).describe('US dollars for a TB that Athena reads'),
  scanMinimum: sizeBytes.prefault('10MB').describe('Bytes that Athena bills for a statement at least'),
});

export const keystoneConfig = z.strictObject({
  version: z.literal(1).default(1).describe('Version of this file format'),
  project: z.string().min(1).default('keystone').describe('Name of the project, shown in output'),
  defaultProfile: z.string().default('local').describe('Profile used when neither --profile nor KEYSTONE_PROFILE names one'),
  contracts: z.string().default('contracts').describe('Folder of the contracts (`*.odcs.yaml`)'),
  models: z.string().default('models').describe('Folder of the SQL models (`gold/*.sql`)'),
  ingest: ingestConfig.prefault({}),
  consume: consumeConfig.prefault({}),
  care: careConfig.prefault({}),
  resilience: resilienceConfig.prefault({}),
  logging: loggingConfig.prefault({}),
  cost: costConfig.prefault({}),
  profiles: z.record(z.string(), profileConfig).prefault({ local: {} }),
});

export type KeystoneConfig = z.output<typeof keystoneConfig>;
export type ProfileConfig = z.output<typeof profileConfig>;

/** The file, one profile chosen, overrides applied, paths made absolute against the project's folder. */
export interface ResolvedConfig extends Omit<KeystoneConfig, 'profiles'> {
  readonly profileName: string;
  readonly profile: ProfileConfig;
  /** Absolute path of the folder that holds keystone.yaml. */
  readonly projectDir: string;
  readonly configPath: string;
}
