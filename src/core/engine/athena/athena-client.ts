/** The client of Athena: who we are, how long we wait, how often the SDK tries again what it knows to be transient. */
import { AthenaClient } from '@aws-sdk/client-athena';
import type { ProfileConfig } from '../../config/config.js';
import { resolveSecret } from '../../config/secrets.js';
import { KeystoneError } from '../../errors.js';
import { RETRY_POLICIES } from '../../resilience/retry-policy.js';
import { sdkRetry } from '../../resilience/sdk-retry.js';
import type { RetryListeners } from '../../resilience/tell-retry.js';

export interface AthenaAccess extends RetryListeners {
  readonly athena: ProfileConfig['engine']['athena'];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative `file:` secrets lie here. */
  readonly projectDir: string;
  /** In [0, 1); absent: waits have no random part. */
  readonly random?: () => number;
}

const CONNECT_MS = 5000;
const ANSWER_MS = 15_000;
/** The SDK would write to the terminal when requests wait for a connection. */
const nothing = (): void => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** For messages: the endpoint, or AWS in its region. */
export const athenaPlace = ({ endpoint, region }: AthenaAccess['athena']): string => endpoint ?? `AWS in ${region}`;

/** Nothing is sent yet. @throws KeystoneError KS_CONFIG. */
export async function openAthenaClient({ athena, ...access }: AthenaAccess): Promise<AthenaClient> {
  const { accessKeyId, secretAccessKey, region, endpoint } = athena;
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    throw new KeystoneError('KS_CONFIG', 'engine.athena.accessKeyId and engine.athena.secretAccessKey go together', {
      hint: 'set both, each as env:NAME or file:PATH, or neither: then the chain of credentials of the AWS SDK is asked',
    });
  }
  const keys =
    accessKeyId === undefined || secretAccessKey === undefined
      ? null
      : await Promise.all([resolveSecret(accessKeyId, access), resolveSecret(secretAccessKey, access)]);
  return new AthenaClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(keys === null ? {} : { credentials: { accessKeyId: keys[0].reveal(), secretAccessKey: keys[1].reveal() } }),
    maxAttempts: RETRY_POLICIES.db.tries,
    retryStrategy: sdkRetry(RETRY_POLICIES.db, {
      service: 'engine',
      operation: `Athena at ${athenaPlace(athena)}`,
      random: access.random ?? (() => 0),
      logger: access.logger,
      metrics: access.metrics,
    }),
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: ANSWER_MS,
      throwOnRequestTimeout: true,
      logger: SILENT,
    },
  });
}
