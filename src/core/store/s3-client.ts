/**
 * The client of one bucket: who we are, how long we wait, how often we try again. The SDK repeats what may be repeated (no answer,
 * 5xx, throttling) as the retry table says of files: fifteen seconds together, long enough for a server that is started anew, short
 * enough not to look like hanging.
 */
import { randomInt } from 'node:crypto';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { ProfileConfig } from '../config/config.js';
import { resolveSecret, type Secret } from '../config/secrets.js';
import { KeystoneError } from '../errors.js';
import { RETRY_POLICIES, type RetryPolicy } from '../resilience/retry-policy.js';
import type { RetryListeners } from '../resilience/tell-retry.js';
import { sdkRetry } from '../resilience/sdk-retry.js';
import { trimmedPrefix } from './lake-place.js';
import { checkedKey } from './object-key.js';

export interface Patience {
  /** Absent: as the retry table says, `upload` for what changes something and `db` for what reads. */
  readonly tries?: number;
  readonly connectMs: number;
  /** Until the answer begins: a part of an upload has to be through by then. */
  readonly answerMs: number;
  /** Without a byte in either direction. */
  readonly silenceMs: number;
}

const PATIENCE: Patience = { connectMs: 5000, answerMs: 60_000, silenceMs: 10_000 };
const MAX_SOCKETS = 64;
const RANDOM_STEPS = 1_000_000;
/** The SDK would write to the terminal when requests wait for a connection, which they may. */
const nothing = (): void => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

export interface S3Access extends RetryListeners {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative `file:` secrets lie here. */
  readonly projectDir: string;
}

/** One bucket, spoken to. */
export interface S3Bucket {
  readonly client: S3Client;
  /** For what only reads, over the same connections: a blip costs it a tenth of a second, not the second that a file may wait. */
  readonly reader: S3Client;
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
  /** For messages: the endpoint, or AWS in its region. */
  readonly endpoint: string;
  /** Must not show in a message. */
  readonly secrets: readonly Secret[];
}

/** Throws KS_CONFIG for settings that do not fit together and for secrets that are not there. Nothing is sent yet. */
export async function openS3Bucket(
  s3: ProfileConfig['store']['s3'],
  access: S3Access,
  patience: Patience = PATIENCE,
): Promise<S3Bucket> {
  if (s3.bucket === undefined || s3.bucket === '') {
    throw new KeystoneError('KS_CONFIG', 'store.adapter is s3 and store.s3.bucket is not set', {
      hint: 'Name the bucket: profiles.<name>.store.s3.bucket in keystone.yaml, or --set store.s3.bucket=<name>.',
    });
  }
  if ((s3.accessKeyId === undefined) !== (s3.secretAccessKey === undefined)) {
    throw new KeystoneError('KS_CONFIG', 'store.s3.accessKeyId and store.s3.secretAccessKey go together', {
      hint: 'Set both, each as env:NAME or file:PATH, or neither: then the chain of credentials of the AWS SDK is asked.',
    });
  }
  const prefix = trimmedPrefix(s3.prefix);
  if (prefix !== '') checkedKey(prefix);
  const keys =
    s3.accessKeyId === undefined || s3.secretAccessKey === undefined
      ? null
      : await Promise.all([resolveSecret(s3.accessKeyId, access), resolveSecret(s3.secretAccessKey, access)]);
  const retriedAs = (policy: RetryPolicy): Pick<S3ClientConfig, 'maxAttempts' | 'retryStrategy'> => {
    const tries = patience.tries ?? policy.tries;
    const random = (): number => randomInt(RANDOM_STEPS) / RANDOM_STEPS;
    const { logger, metrics } = access;
    const work = { service: 'store', operation: `s3://${s3.bucket}` } as const;
    return { maxAttempts: tries, retryStrategy: sdkRetry({ ...policy, tries }, { ...work, random, logger, metrics }) };
  };
  const settings: S3ClientConfig = {
    region: s3.region,
    forcePathStyle: s3.pathStyle,
    ...(s3.endpoint === undefined ? {} : { endpoint: s3.endpoint }),
    ...(keys === null ? {} : { credentials: { accessKeyId: keys[0].reveal(), secretAccessKey: keys[1].reveal() } }),
    // CRC32 of what is sent, and of what comes whenever the store kept one.
    requestChecksumCalculation: 'WHEN_SUPPORTED',
    responseChecksumValidation: 'WHEN_SUPPORTED',
    requestHandler: {
      connectionTimeout: patience.connectMs,
      requestTimeout: patience.answerMs,
      throwOnRequestTimeout: true,
      socketTimeout: patience.silenceMs,
      logger: SILENT,
      httpAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
    },
  };
  const client = new S3Client({ ...settings, ...retriedAs(RETRY_POLICIES.upload) });
  const { requestHandler, credentials } = client.config;
  const reader = new S3Client({ ...settings, requestHandler, credentials, ...retriedAs(RETRY_POLICIES.db) });
  return {
    client,
    reader,
    bucket: s3.bucket,
    prefix,
    endpoint: s3.endpoint ?? `AWS in ${s3.region}`,
    secrets: keys === null ? [] : [keys[1]],
  };
}
