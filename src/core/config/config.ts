/**
 * The shape of `keystone.yaml`, one source of validation, types, defaults and `docs/configuration.md` (each field's text is its
 * `describe`): the sections, put together; the larger ones have a file each. Loading, profiles and overrides are in `load-config.ts`.
 */
import { z } from 'zod';
import { careConfig } from './care-config.js';
import { catalogConfig } from './catalog-config.js';
import { consumeConfig } from './consume-config.js';
import { engineConfig } from './engine-config.js';
import { ingestConfig } from './ingest-config.js';
import { logConfig } from './log-config.js';
import { metricsConfig } from './metrics-config.js';
import { durationMs, sizeBytes } from './setting-values.js';
import { stateConfig } from './state-config.js';
import { storeConfig } from './store-config.js';

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

/** Where everything is, and which services do the work: `profiles.<name>`. */
export const profileConfig = z.strictObject({
  log: logConfig.prefault({}),
  store: storeConfig.prefault({}),
  catalog: catalogConfig.prefault({}),
  engine: engineConfig.prefault({}),
  state: stateConfig.prefault({}),
  metrics: metricsConfig.prefault({}),
});

/** The whole file. */
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
