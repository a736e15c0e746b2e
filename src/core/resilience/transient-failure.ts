/** Which failures may pass by themselves, told by what the services and the network of this system put into their errors. */
import { isKeystoneError } from '../errors.js';

/** HTTP statuses: timeout, too many requests, and a server's own faults that another try may not meet. */
const TRANSIENT_STATUS: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** Node's codes of sockets, name lookup and TLS ends: https://nodejs.org/docs/latest-v20.x/api/errors.html#common-system-errors */
const TRANSIENT_NETWORK: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ERR_STREAM_PREMATURE_CLOSE',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** AWS: https://docs.aws.amazon.com/general/latest/gr/api-retries.html and the services' own words for "later". */
const TRANSIENT_AWS: ReadonlySet<string> = new Set([
  'InternalError',
  'InternalFailure',
  'InternalServerException',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'TimeoutError',
  'TooManyRequestsException',
  'TransactionInProgressException',
]);

/** gRPC: DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, UNAVAILABLE (https://grpc.io/docs/guides/status-codes/). */
const TRANSIENT_GRPC: ReadonlySet<number> = new Set([4, 8, 10, 14]);

/**
 * PostgreSQL, by class or whole code (https://www.postgresql.org/docs/15/errcodes-appendix.html): connections, a server that starts or
 * stops, no room for one more client, serialisation and deadlock.
 */
const TRANSIENT_SQLSTATE = /^(08...|57P0[1-5]|53300|40001|40P01|55P03|57014|25006)$/;

/** Words of `pg` and of poolers in front of it for a connection that ended, which carry no code. */
const TRANSIENT_WORDS =
  /^(Connection terminated|Client was closed|Client has encountered a connection error|timeout exceeded|Query read timeout|server closed the connection|server conn crashed|socket hang up|query_wait_timeout)/i;

const CAUSES_LOOKED_AT = 5;

/**
 * Whether another try of an operation that may be repeated could succeed; looks at what caused it as well. An open breaker is transient for
 * whoever waits; credentials and settings are not, whatever the connection looked like when they were refused.
 */
export function isTransientFailure(error: unknown): boolean {
  if (isKeystoneError(error)) {
    if (error.code === 'KS_CIRCUIT_OPEN') return true;
    if (error.code === 'KS_CREDENTIALS' || error.code === 'KS_CONFIG') return false;
  }
  let at: unknown = error;
  for (let depth = 0; depth < CAUSES_LOOKED_AT && typeof at === 'object' && at !== null; depth += 1) {
    if (isTransientItself(at)) return true;
    at = 'cause' in at ? at.cause : undefined;
  }
  return false;
}

interface FailureTraits {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: unknown };
  /** kafkajs marks its errors itself, and our Kafka adapter does: Kafka's numbers mean other things than gRPC's. */
  readonly retriable?: unknown;
  readonly errors?: unknown;
}

function isTransientItself(error: object): boolean {
  const { name, message, code, status, statusCode, $metadata, retriable, errors } = error as FailureTraits;
  if (typeof retriable === 'boolean') return retriable;
  if ([status, statusCode, $metadata?.httpStatusCode].some((of) => typeof of === 'number' && TRANSIENT_STATUS.has(of)))
    return true;
  if (typeof code === 'string' && (TRANSIENT_NETWORK.has(code) || TRANSIENT_SQLSTATE.test(code) || TRANSIENT_AWS.has(code)))
    return true;
  if (typeof code === 'number' && TRANSIENT_GRPC.has(code)) return true;
  if (typeof name === 'string' && TRANSIENT_AWS.has(name)) return true;
  // Node tries every address of a host and reports them together.
  if (Array.isArray(errors) && errors.some(isTransientFailure)) return true;
  return typeof message === 'string' && TRANSIENT_WORDS.test(message);
}
