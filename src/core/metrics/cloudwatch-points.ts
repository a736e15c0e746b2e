/**
 * Points to Amazon CloudWatch by PutMetricData: at most 1000 points and 1 MB in a request
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html); the SDK compresses them.
 */
import { CloudWatchClient, ListMetricsCommand, PutMetricDataCommand, type MetricDatum } from '@aws-sdk/client-cloudwatch';
import type { Clock } from '../clock.js';
import type { ProfileConfig } from '../config/config.js';
import { redact, resolveSecret } from '../config/secrets.js';
import { isKeystoneError, KeystoneError, messageOf } from '../errors.js';
import { RETRY_POLICIES } from '../resilience/retry-policy.js';
import { retry } from '../resilience/retry.js';
import type { MetricPoint, MetricPoints } from './metric-points.js';

export interface CloudwatchOptions {
  readonly cloudwatch: ProfileConfig['metrics']['cloudwatch'];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative `file:` secrets lie here. */
  readonly projectDir: string;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
}

const POINTS_OF_REQUEST = 1000;
const BYTES_OF_REQUEST = 900_000;
/** What a point costs beside its names and values, in any of the SDK's protocols. */
const POINT_BYTES = 250;
const DIMENSION_BYTES = 40;
const CONNECT_MS = 3000;
const ANSWER_MS = 10_000;
const nothing = (): void => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

const NOT_TRUSTED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'UnrecognizedClientException',
]);

/** Nothing is sent yet. @throws KeystoneError KS_CONFIG for one key without the other, or secrets that are not there. */
export async function openCloudwatchPoints(options: CloudwatchOptions): Promise<MetricPoints> {
  const { cloudwatch, clock, random } = options;
  const { accessKeyId, secretAccessKey, region, endpoint, namespace } = cloudwatch;
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    throw new KeystoneError('KS_CONFIG', 'metrics.cloudwatch.accessKeyId and metrics.cloudwatch.secretAccessKey go together', {
      hint: 'Set both, each as env:NAME or file:PATH, or neither: then the chain of credentials of the AWS SDK is asked.',
    });
  }
  const keys =
    accessKeyId === undefined || secretAccessKey === undefined
      ? null
      : await Promise.all([resolveSecret(accessKeyId, options), resolveSecret(secretAccessKey, options)]);
  const client = new CloudWatchClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(keys === null ? {} : { credentials: { accessKeyId: keys[0].reveal(), secretAccessKey: keys[1].reveal() } }),
    // Tried again by our own table.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: ANSWER_MS,
      throwOnRequestTimeout: true,
      logger: SILENT,
    },
  });
  const place = `CloudWatch ${endpoint === undefined ? `in ${region}` : `at ${endpoint}`}, namespace ${namespace}`;

  const failure = (cause: unknown): KeystoneError => {
    if (isKeystoneError(cause)) return cause;
    const { name, status, answered } = traitsOf(cause);
    const said = redact(messageOf(cause) || name, keys === null ? [] : [keys[1]]);
    const details = { place, cause: name, status: status ?? null };
    if (NOT_TRUSTED.has(name) || status === 401 || status === 403) {
      const why = name === 'CredentialsProviderError' ? 'there are no AWS credentials here' : `it refused (${name}: ${said})`;
      return new KeystoneError('KS_CREDENTIALS', `Could not send metrics to ${place}: ${why}`, {
        hint: 'Give this identity cloudwatch:PutMetricData and cloudwatch:ListMetrics, or check metrics.cloudwatch.accessKeyId and secretAccessKey; keystone doctor tries them.',
        cause,
        details,
      });
    }
    const hint = answered
      ? 'keystone doctor looks at CloudWatch; keystone config show says what is set under metrics.cloudwatch.'
      : 'Check metrics.cloudwatch.endpoint, metrics.cloudwatch.region and the network; keystone doctor tries the way.';
    const why = answered ? `${name}: ${said}` : `it does not answer (${said})`;
    return new KeystoneError('KS_METRICS', `Could not send metrics to ${place}: ${why}`, { hint, cause, details });
  };

  const ask = async (work: () => Promise<unknown>, signal?: AbortSignal): Promise<void> => {
    try {
      await retry(RETRY_POLICIES.api, work, { clock, random, ...(signal ? { signal } : {}) });
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw failure(error);
    }
  };

  return {
    place,
    put: async (points, signal) => {
      for (const MetricData of requestsOf(points)) {
        const command = new PutMetricDataCommand({ Namespace: namespace, MetricData });
        await ask(() => client.send(command, signal ? { abortSignal: signal } : {}), signal);
      }
    },
    look: () => ask(() => client.send(new ListMetricsCommand({ Namespace: namespace }))),
    close: () => client.destroy(),
  };
}

/** Cut so that no request has too many points or bytes; numbers that are none are left out, since one of them fails them all. */
function requestsOf(points: readonly MetricPoint[]): MetricDatum[][] {
  const requests: MetricDatum[][] = [];
  let request: MetricDatum[] = [];
  let bytes = 0;
  for (const point of points) {
    const { value } = point;
    const numbers = typeof value === 'number' ? [value] : [value.sum, value.least, value.most, value.count];
    if (!numbers.every(Number.isFinite)) continue;
    const size = sizeOf(point);
    if (request.length >= POINTS_OF_REQUEST || (request.length > 0 && bytes + size > BYTES_OF_REQUEST)) {
      requests.push(request);
      request = [];
      bytes = 0;
    }
    request.push(datumOf(point));
    bytes += size;
  }
  if (request.length > 0) requests.push(request);
  return requests;
}

function sizeOf({ name, dimensions }: MetricPoint): number {
  let size = POINT_BYTES + name.length;
  for (const [dimension, value] of Object.entries(dimensions)) size += DIMENSION_BYTES + dimension.length + value.length * 4;
  return size;
}

function datumOf({ name, dimensions, atMs, unit, value }: MetricPoint): MetricDatum {
  return {
    MetricName: name,
    Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    Timestamp: new Date(atMs),
    Unit: unit,
    ...(typeof value === 'number'
      ? { Value: value }
      : { StatisticValues: { SampleCount: value.count, Sum: value.sum, Minimum: value.least, Maximum: value.most } }),
  };
}

function traitsOf(error: unknown): { readonly name: string; readonly status: number | undefined; readonly answered: boolean } {
  const { name, code, $metadata } = (typeof error === 'object' && error !== null ? error : {}) as {
    readonly name?: string;
    readonly code?: string;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode;
  return { name: name === undefined || name === 'Error' ? (code ?? 'Error') : name, status, answered: status !== undefined };
}
