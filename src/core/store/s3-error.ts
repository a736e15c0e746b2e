/** What a refused or failed request to S3 means to the person who runs Keystone. */
import { redact } from '../config/secrets.js';
import { isKeystoneError, KeystoneError, messageOf } from '../errors.js';
import { isFileFailure } from './folder-error.js';
import type { S3Bucket } from './s3-client.js';

/** What is read of the SDK's errors; any other value has none of it. */
interface Failure {
  readonly name?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
}

const failureOf = (error: unknown): Failure => (typeof error === 'object' && error !== null ? error : {});

/** HTTP status of the answer; undefined when there was none. */
export const statusOf = (error: unknown): number | undefined => failureOf(error).$metadata?.httpStatusCode;
/** Name that S3 gives the refusal, e.g. `NoSuchKey`. */
export const refusalOf = (error: unknown): string => failureOf(error).name ?? '';

/**
 * The object is not there. By name: servers answer 404 for other things too (no such bucket, no such user), and an object that is
 * taken for absent would let a table begin anew.
 */
export const isAbsent = (error: unknown): boolean => statusOf(error) === 404 && ABSENT.has(refusalOf(error));

/** `NotFound` is all that the answer to a HEAD can say. */
const ABSENT = new Set(['NoSuchKey', 'NotFound']);
const NOT_TRUSTED = new Set([
  'XAdminUserNotFound', // versitygw, with status 404

  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'AccessDenied',
  'ExpiredToken',
  'InvalidToken',
  'CredentialsProviderError',
  'TokenProviderError',
  'NotSignedUp',
]);
const OTHER_REGION = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']);
const TOO_BUSY = new Set(['SlowDown', 'Throttling', 'ThrottlingException', 'TooManyRequestsException', 'RequestLimitExceeded']);

/** `action` and `what` as in "Could not read s3://bucket/key". KS_CREDENTIALS when S3 does not take us, else KS_STORE. */
export function s3Error(bucket: S3Bucket, action: string, what: string, cause: unknown): KeystoneError {
  if (isKeystoneError(cause)) return cause;
  if (isFileFailure(cause)) {
    return new KeystoneError('KS_STORE', `Could not ${action} ${what}: ${messageOf(cause)}`, {
      hint: 'A file of this machine failed, not the bucket: look at the disk of store.s3.cache (df -h, ls -la), then run the same command again.',
      cause,
    });
  }
  const { code, $metadata } = failureOf(cause);
  const [name, status] = [refusalOf(cause), statusOf(cause)];
  const details = { place: what, cause: name === '' || name === 'Error' ? (code ?? null) : name, status: status ?? null };
  const said = redact(messageOf(cause), bucket.secrets);
  const fail = (errorCode: 'KS_STORE' | 'KS_CREDENTIALS', why: string, hint: string): KeystoneError =>
    new KeystoneError(errorCode, `Could not ${action} ${what}: ${why}`, { hint, cause, details });

  if (name === 'RequestTimeTooSkewed') {
    return fail('KS_STORE', `this machine's clock and that of ${bucket.endpoint} are too far apart`, 'Set the clock by NTP.');
  }
  if (NOT_TRUSTED.has(name) || status === 401 || status === 403) {
    return fail(
      'KS_CREDENTIALS',
      name === 'CredentialsProviderError' ? 'there are no AWS credentials here' : `${bucket.endpoint} refused (${name}: ${said})`,
      name === 'AccessDenied' || name === 'Forbidden' || name === '403'
        ? `Give this identity s3:ListBucket on ${bucket.bucket} and s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload below it; keystone doctor tries them.`
        : 'Check what store.s3.accessKeyId and store.s3.secretAccessKey name, or the credentials of the AWS SDK (aws sts get-caller-identity).',
    );
  }
  if (name === 'NoSuchBucket') {
    return fail(
      'KS_STORE',
      `there is no bucket ${bucket.bucket} at ${bucket.endpoint}`,
      'Create the bucket, or name another one with store.s3.bucket.',
    );
  }
  if (OTHER_REGION.has(name) || status === 301) {
    return fail('KS_STORE', `the bucket lies in another region (${said})`, "Set store.s3.region to the bucket's region.");
  }
  const tries = $metadata?.attempts ?? 1;
  const tried = tries > 1 ? `, ${tries} tries` : '';
  if (TOO_BUSY.has(name) || (status !== undefined && status >= 500)) {
    return fail(
      'KS_STORE',
      `${bucket.endpoint} is failing or too busy (${name || status}${tried})`,
      'Run the same command again when it has recovered; nothing half-written counts.',
    );
  }
  if (status === undefined) {
    return fail(
      'KS_STORE',
      `${bucket.endpoint} does not answer (${said}${tried})`,
      'Check store.s3.endpoint and the network, then run the same command again; keystone doctor tries the way.',
    );
  }
  return fail('KS_STORE', `${name || status}: ${said}`, 'keystone doctor says whether the bucket does what the lake needs.');
}
