/**
 * The client of one Glue catalog: who we are, how long we wait, how often we try again. Repeating is safe for every call of ours:
 * what a repeated change meets is told from another's by `glue-catalog.ts`.
 */
import { GlueClient } from '@aws-sdk/client-glue';
import type { Clock } from '../../clock.js';
import type { ProfileConfig } from '../../config/config.js';
import { resolveSecret, type Secret } from '../../config/secrets.js';
import { KeystoneError } from '../../errors.js';
import { RETRY_POLICIES } from '../../resilience/retry-policy.js';
import { tellRetry, type RetryListeners } from '../../resilience/tell-retry.js';
import { retry } from '../../resilience/retry.js';
import { isTransientFailure } from '../../resilience/transient-failure.js';
import { randomUnit } from '../random-names.js';
import { glueError, refusalOf } from './glue-error.js';

export type GlueSettings = ProfileConfig['catalog']['glue'];

export interface GlueAccess extends RetryListeners {
  readonly glue: GlueSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative `file:` secrets lie here. */
  readonly projectDir: string;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** One Glue catalog, spoken to. */
export interface Glue {
  /** For messages: the endpoint, or AWS in its region. */
  readonly endpoint: string;
  /** Goes into every request: the catalog's id where one is set. */
  readonly catalog: { readonly CatalogId?: string };
  /** Database of a namespace, e.g. `shop_silver`. */
  database(namespace: string): string;
  /** Namespace of a database, or null for one that carries another prefix. */
  namespace(database: string): string | null;
  /**
   * Sends, and again while it may pass by itself. A refusal that `expected` names comes back as that name; every other failure is thrown
   * as KS_CATALOG or KS_CREDENTIALS. `action`: as in "Could not read the table silver.orders".
   */
  send<T>(action: string, request: (client: GlueClient) => Promise<T>): Promise<T>;
  send<T, const E extends string>(
    action: string,
    request: (client: GlueClient) => Promise<T>,
    expected: readonly E[],
  ): Promise<T | E>;
  close(): void;
}

const CONNECT_MS = 5000;
const ANSWER_MS = 15_000;
/** Long enough for a service that is started anew, short enough not to look like hanging. */
const PATIENCE_MS = 20_000;
const MAX_SOCKETS = 32;
/** Refusals of Glue that mean "later" and that no other service knows. */
const LATER: ReadonlySet<string> = new Set([
  'OperationTimeoutException',
  'ResourceNotReadyException',
  'FederationSourceRetryableException',
]);
/** The SDK would write to the terminal. */
const nothing = (): void => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Throws KS_CONFIG for settings that do not fit together and for secrets that are not there. Nothing is sent yet. */
export async function openGlue({ glue, env, projectDir, clock, randomBytes, ...listeners }: GlueAccess): Promise<Glue> {
  const secrets = await credentialsOf(glue, { env, projectDir });
  const client = new GlueClient({
    region: glue.region,
    ...(glue.endpoint === undefined ? {} : { endpoint: glue.endpoint }),
    ...(secrets === null ? {} : { credentials: { accessKeyId: secrets[0].reveal(), secretAccessKey: secrets[1].reveal() } }),
    maxAttempts: 1, // tries and waits are those of the retry table
    logger: SILENT,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: ANSWER_MS,
      throwOnRequestTimeout: true,
      logger: SILENT,
      httpAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
    },
  });
  const endpoint = glue.endpoint ?? `AWS in ${glue.region}`;
  const { databasePrefix } = glue;
  return {
    endpoint,
    catalog: glue.catalogId === undefined ? {} : { CatalogId: glue.catalogId },
    database: (namespace) => `${databasePrefix}${namespace}`,
    namespace: (database) => (database.startsWith(databasePrefix) ? database.slice(databasePrefix.length) : null),
    send: async <T, E extends string>(
      action: string,
      request: (client: GlueClient) => Promise<T>,
      expected: readonly E[] = [],
    ) => {
      let tries = 1;
      const told = tellRetry(listeners, { service: 'catalog', operation: `Glue ${action}` }, RETRY_POLICIES.cdc);
      try {
        return await retry(RETRY_POLICIES.cdc, () => request(client), {
          clock,
          random: () => randomUnit(randomBytes),
          withinMs: PATIENCE_MS,
          isTransient: (error) => isTransientFailure(error) || LATER.has(refusalOf(error)),
          onRetry: (notice) => {
            tries = notice.failedTry + 1;
            told(notice);
          },
        });
      } catch (error) {
        const known = expected.find((name) => name === refusalOf(error));
        if (known !== undefined) return known;
        throw glueError({ endpoint, tries, secrets: secrets === null ? [] : [secrets[1]] }, action, error);
      }
    },
    close: () => client.destroy(),
  };
}

async function credentialsOf(
  glue: GlueSettings,
  from: Parameters<typeof resolveSecret>[1],
): Promise<readonly [Secret, Secret] | null> {
  const { accessKeyId, secretAccessKey } = glue;
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    throw new KeystoneError('KS_CONFIG', 'catalog.glue.accessKeyId and catalog.glue.secretAccessKey go together', {
      hint: 'Set both, each as env:NAME or file:PATH, or neither: then the chain of credentials of the AWS SDK is asked.',
    });
  }
  if (accessKeyId === undefined || secretAccessKey === undefined) return null;
  return Promise.all([resolveSecret(accessKeyId, from), resolveSecret(secretAccessKey, from)]);
}
