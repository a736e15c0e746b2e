/** The homes in which the same commands run: no service at all, and three mixes of the real services. */
import { randomBytes } from 'node:crypto';
import { startAthenaShim } from '../services/athena-shim.js';
import { installKafka, startKafka } from '../services/kafka.js';
import { installMinistack, startMinistack } from '../services/ministack.js';
import { installPostgres, startPostgres } from '../services/postgres.js';
import { installTrino, startTrino } from '../services/trino.js';
import { ACCESS_KEY, installVersitygw, SECRET_KEY, startVersitygw } from '../services/versitygw.js';

export interface OpenHome {
  /** The profile, as it stands in keystone.yaml; null: what `keystone init` wrote. */
  readonly profile: object | null;
  /** Variables that its secrets refer to. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export interface Home {
  readonly name: string;
  /** Whether tables lie in the project's folder. */
  readonly isLocal: boolean;
  /** Whether the engine of the profile is another one than DuckDB. */
  readonly hasEngine: boolean;
  /** Starts its services; null where one cannot be installed. */
  open(): Promise<OpenHome | null>;
}

const ENV = { KS_TEST_S3_KEY: ACCESS_KEY, KS_TEST_S3_SECRET: SECRET_KEY };
const KEYS = { accessKeyId: 'env:KS_TEST_S3_KEY', secretAccessKey: 'env:KS_TEST_S3_SECRET' };
const TOPIC = 'olist-enterprise-events';

/** Started services, ended in turn. */
interface Started {
  readonly closers: (() => Promise<void>)[];
}

async function kafkaLog({ closers }: Started): Promise<object | null> {
  const libs = await installKafka();
  if (libs === null) return null;
  const kafka = await startKafka(libs, { fast: true });
  closers.unshift(() => kafka.remove());
  return { adapter: 'kafka', topic: TOPIC, partitions: 6, kafka: { brokers: kafka.brokers } };
}

interface Cloud {
  readonly s3Url: string;
  readonly glueUrl: string;
  readonly store: object;
  readonly catalog: object;
  /** Where Athena puts results. */
  readonly output: string;
}

async function cloud({ closers }: Started): Promise<Cloud | null> {
  const [gateway, ministack] = [await installVersitygw(), await installMinistack()];
  if (gateway === null || ministack === null) return null;
  const s3 = await startVersitygw(gateway);
  closers.unshift(() => s3.stop());
  const aws = await startMinistack(ministack);
  closers.unshift(() => aws.stop());
  const bucket = `olist-${randomBytes(4).toString('hex')}`;
  await s3.makeBucket(bucket);
  const place = { bucket, prefix: 'lake', endpoint: s3.endpoint, pathStyle: true, ...KEYS };
  return {
    s3Url: s3.endpoint,
    glueUrl: aws.endpoint,
    store: { adapter: 's3', s3: place },
    catalog: { adapter: 'glue', glue: { endpoint: aws.endpoint, ...KEYS } },
    output: `s3://${bucket}/athena/`,
  };
}

/** Opens a home part by part; what was started is ended again when a part is missing or fails. */
const opening = (parts: (started: Started) => Promise<Omit<OpenHome, 'close'> | null>) => async (): Promise<OpenHome | null> => {
  const started: Started = { closers: [] };
  const close = async (): Promise<void> => {
    for (const one of started.closers.splice(0)) await one();
  };
  try {
    const home = await parts(started);
    if (home) return { ...home, close };
  } catch (error) {
    await close();
    throw error;
  }
  await close();
  return null;
};

export const HOMES = {
  embedded: {
    name: 'embedded',
    isLocal: true,
    hasEngine: false,
    open: async () => ({ profile: null, env: {}, close: async () => undefined }),
  },
  kafkaFolder: {
    name: 'Kafka, folder, DuckDB',
    isLocal: true,
    hasEngine: false,
    open: opening(async (started) => {
      const log = await kafkaLog(started);
      return log && { profile: { log }, env: {} };
    }),
  },
  kafkaGlue: {
    name: 'Kafka, S3, Glue, DuckDB',
    isLocal: false,
    hasEngine: false,
    open: opening(async (started) => {
      const [log, aws] = [await kafkaLog(started), await cloud(started)];
      return log && aws && { profile: { log, store: aws.store, catalog: aws.catalog }, env: ENV };
    }),
  },
  production: {
    name: 'Kafka, S3, Glue, Athena (Trino), PostgreSQL, CloudWatch',
    isLocal: false,
    hasEngine: true,
    open: opening(async (started) => {
      const [log, aws] = [await kafkaLog(started), await cloud(started)];
      const [postgresBin, trinoHome] = [await installPostgres(), await installTrino()];
      if (!log || !aws || postgresBin === null || trinoHome === null) return null;
      const postgres = await startPostgres(postgresBin);
      started.closers.unshift(() => postgres.remove());
      const places = { s3Url: aws.s3Url, glueUrl: aws.glueUrl, accessKey: ACCESS_KEY, secretKey: SECRET_KEY };
      const trino = await startTrino(trinoHome, places);
      started.closers.unshift(() => trino.remove());
      const athena = await startAthenaShim({ ...places, trinoUrl: trino.url });
      started.closers.unshift(() => athena.stop());
      return {
        profile: {
          log,
          store: aws.store,
          catalog: aws.catalog,
          engine: { adapter: 'athena', athena: { endpoint: athena.endpoint, output: aws.output, ...KEYS } },
          state: { adapter: 'postgres', postgres: { url: 'env:KS_TEST_POSTGRES' } },
          metrics: { adapter: 'cloudwatch', cloudwatch: { endpoint: aws.glueUrl, ...KEYS } },
        },
        env: { ...ENV, KS_TEST_POSTGRES: postgres.url() },
      };
    }),
  },
} satisfies Readonly<Record<string, Home>>;
