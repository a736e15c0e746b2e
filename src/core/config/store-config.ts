/** `store.*` of a profile: where table files live. */
import { z } from 'zod';
import { secretReference, sizeBytes } from './setting-values.js';

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

/** A folder, or buckets of S3. */
export const storeConfig = z.strictObject({
  adapter: z
    .enum(['folder', 's3'])
    .default('folder')
    .describe('Where table files live: `folder` is a local directory, `s3` the bucket of `store.s3`'),
  path: z.string().default('lake').describe('The lake folder, relative to the project'),
  s3: s3Config.prefault({}),
});
