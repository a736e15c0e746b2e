/** What went wrong with the brokers, in the words of a person who has to put it right; and whether it heals by itself. */
import { KeystoneError, isKeystoneError, messageOf } from '../../errors.js';

/** Kafka's error codes that are acted on (https://kafka.apache.org/protocol#protocol_error_codes). */
export const CODE = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopic: 3,
  messageTooLarge: 10,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  producerFenced: 47,
  unknownProducer: 59,
  throttled: 89,
} as const;

/** Answers that another try, with fresh metadata, may not meet again. */
const PASSING: Readonly<Record<number, string>> = {
  2: 'CORRUPT_MESSAGE',
  3: 'UNKNOWN_TOPIC_OR_PARTITION',
  5: 'LEADER_NOT_AVAILABLE',
  6: 'NOT_LEADER_OR_FOLLOWER',
  7: 'REQUEST_TIMED_OUT',
  8: 'BROKER_NOT_AVAILABLE',
  9: 'REPLICA_NOT_AVAILABLE',
  13: 'NETWORK_EXCEPTION',
  14: 'COORDINATOR_LOAD_IN_PROGRESS',
  15: 'COORDINATOR_NOT_AVAILABLE',
  16: 'NOT_COORDINATOR',
  19: 'NOT_ENOUGH_REPLICAS',
  20: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  41: 'NOT_CONTROLLER',
  51: 'CONCURRENT_TRANSACTIONS',
  56: 'KAFKA_STORAGE_ERROR',
  74: 'FENCED_LEADER_EPOCH',
  75: 'UNKNOWN_LEADER_EPOCH',
  78: 'OFFSET_NOT_AVAILABLE',
  89: 'THROTTLING_QUOTA_EXCEEDED',
  100: 'UNKNOWN_TOPIC_ID',
  103: 'INCONSISTENT_TOPIC_ID',
};

const REFUSING: Readonly<Record<number, string>> = {
  10: 'MESSAGE_TOO_LARGE',
  17: 'INVALID_TOPIC_EXCEPTION',
  18: 'RECORD_LIST_TOO_LARGE',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  30: 'GROUP_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  32: 'INVALID_TIMESTAMP',
  33: 'UNSUPPORTED_SASL_MECHANISM',
  34: 'ILLEGAL_SASL_STATE',
  37: 'INVALID_PARTITIONS',
  38: 'INVALID_REPLICATION_FACTOR',
  44: 'POLICY_VIOLATION',
  45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  47: 'INVALID_PRODUCER_EPOCH',
  58: 'SASL_AUTHENTICATION_FAILED',
  59: 'UNKNOWN_PRODUCER_ID',
  87: 'INVALID_RECORD',
};

/** An error code in a broker's answer; `code` as in the protocol. */
export class BrokerRefusal extends Error {
  readonly code: number;
  /** As kafkajs says it of its own errors. */
  readonly retriable: boolean;

  constructor(code: number) {
    super(PASSING[code] ?? REFUSING[code] ?? `error code ${code}`);
    this.name = 'BrokerRefusal';
    this.code = code;
    this.retriable = code in PASSING;
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');
const codeOf = (error: unknown): number | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null;

/** Everything wrong with certificates, as Node and OpenSSL say it. */
const TLS_TROUBLE =
  /certificate|self.signed|altname|unable to (?:verify|get)|alert (?:unknown ca|bad certificate|handshake)|unsupported protocol/i;
const NO_TLS = /wrong version number|packet length too long|record layer failure|http request/i;
const CREDENTIALS = /SASL|authentication/i;
const SASL_REFUSALS: readonly number[] = [33, 34, 58];

/** True for a certificate or name and password that the other side does not take: trying again changes nothing. */
export const isCredentialTrouble = (error: unknown): boolean => {
  if (nameOf(error) === 'KafkaJSSASLAuthenticationError') return true;
  const message = messageOf(error);
  if (nameOf(error) === 'KafkaJSProtocolError' && CREDENTIALS.test(message)) return true;
  // A token that is refused shows itself by the state of the connection, at the first question that is asked over it.
  if (error instanceof BrokerRefusal && SASL_REFUSALS.includes(error.code)) return true;
  return nameOf(error).startsWith('KafkaJSConnection') && (TLS_TROUBLE.test(message) || NO_TLS.test(message));
};

/** Whether the same may succeed a little later. */
export function isPassing(error: unknown): boolean {
  if (isKeystoneError(error) || isCredentialTrouble(error)) return false;
  const code = codeOf(error);
  const name = nameOf(error);
  if (error instanceof BrokerRefusal || name === 'KafkaJSProtocolError') return code !== null && code in PASSING;
  return /^KafkaJS(?:Connection|ConnectionClosed|RequestTimeout|LockTimeout|Timeout)/.test(name);
}

const PASSWORD_HINT = 'check log.kafka.sasl, log.kafka.username and what log.kafka.password refers to';
const CREDENTIALS_HINT: Readonly<Record<string, string>> = {
  oauthbearer: 'check what log.kafka.token refers to: the token may have expired',
  'aws-msk-iam':
    'aws sts get-caller-identity shows who asks (log.kafka.aws has settings of its own); allow kafka-cluster:Connect, and check the region and this machine’s clock',
};

export interface FailurePlace {
  /** As configured. */
  readonly brokers: string;
  readonly tls: boolean;
  readonly sasl: string;
}

/** OpenSSL puts its source file and line around what it has to say, and a line end behind it. */
const plainly = (message: string): string => message.replace(/[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):[^]*$/, '$1').trim();

/** KS_CREDENTIALS where the brokers don't let this client in, KS_LOG for all else. `what` is what was being done. */
export function kafkaFailure(error: unknown, what: string, { brokers, tls, sasl }: FailurePlace): KeystoneError {
  if (isKeystoneError(error)) return error;
  const message = plainly(messageOf(error));
  const name = nameOf(error);
  const place = `Kafka at ${brokers}`;
  if (name.startsWith('KafkaJSConnection')) {
    if (NO_TLS.test(message))
      return new KeystoneError('KS_CREDENTIALS', `${place}: the broker does not speak TLS on this port (${message})`, {
        hint: 'name its TLS port in log.kafka.brokers, or set log.kafka.tls: false',
        cause: error,
      });
    if (TLS_TROUBLE.test(message))
      return new KeystoneError('KS_CREDENTIALS', `${place}: the TLS handshake failed (${message})`, {
        hint: 'log.kafka.ca names the CA that signs the brokers, log.kafka.certificate and log.kafka.key this client for mutual TLS; check their dates and the host names',
        cause: error,
      });
  }
  if (isCredentialTrouble(error))
    return new KeystoneError('KS_CREDENTIALS', `${place} refused the ${sasl} credentials: ${message}`, {
      hint: CREDENTIALS_HINT[sasl] ?? PASSWORD_HINT,
      cause: error,
    });
  const code = codeOf(error);
  if (code === 29 || code === 30 || code === 31)
    return new KeystoneError('KS_CREDENTIALS', `${place} did not permit it: ${what} (${message})`, {
      hint: 'give this principal Read, Write, Create, Describe on the topic, Read on the group, and IdempotentWrite on the cluster (before Kafka 2.8)',
      cause: error,
    });
  if (isPassing(error)) {
    const silent = /closed|timeout|timed out/i.test(`${name} ${message}`) && !tls;
    const cut = tls && /before secure TLS connection/.test(message);
    const asks = silent
      ? '; does the port want TLS (log.kafka.tls: true)?'
      : cut
        ? '; does the port speak without TLS (log.kafka.tls: false)?'
        : '';
    return new KeystoneError('KS_LOG', `${place} did not answer when asked to ${what} (${message})`, {
      hint: `check that the brokers run and log.kafka.brokers names them${asks}: keystone doctor`,
      cause: error,
    });
  }
  return new KeystoneError('KS_LOG', `${place} refused: ${what} (${message})`, { hint: 'keystone doctor', cause: error });
}
