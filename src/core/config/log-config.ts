/** `log.*` of a profile: where events are logged (what a command says of itself is `logging.*`). */
import { z } from 'zod';
import { awsAccess } from './aws-access.js';
import { secretReference } from './setting-values.js';

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

/** The SQLite file, or the brokers of Kafka. */
export const logConfig = z.strictObject({
  adapter: z
    .enum(['embedded', 'kafka'])
    .default('embedded')
    .describe('Where events are logged: `embedded` is a SQLite file, `kafka` the brokers of `log.kafka`'),
  path: z.string().default('.keystone/log.db').describe('The embedded log file, relative to the project'),
  topic: z.string().min(1).default('olist-enterprise-events').describe('Topic that ingest writes and the consumer reads'),
  partitions: z.number().int().min(1).max(1024).default(6).describe('Partitions of a topic that is created here'),
  kafka: kafkaConfig.prefault({}),
});
