/** What a refused or failed request to Glue means to the person who runs Keystone. */
import { redact, type Secret } from '../../config/secrets.js';
import { isKeystoneError, KeystoneError, messageOf } from '../../errors.js';

/** What is read of the SDK's errors; any other value has none of it. */
interface Failure {
  readonly name?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const failureOf = (error: unknown): Failure => (typeof error === 'object' && error !== null ? error : {});

/** Name that Glue gives the refusal, e.g. `EntityNotFoundException`; a failure without answer has the network's own name. */
export const refusalOf = (error: unknown): string => failureOf(error).name ?? '';

const NOT_TRUSTED: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'IncompleteSignatureException',
  'MissingAuthenticationTokenException',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'SignatureDoesNotMatch',
  'CredentialsProviderError',
  'TokenProviderError',
]);

interface From {
  readonly endpoint: string;
  readonly tries: number;
  /** Must not show in a message. */
  readonly secrets: readonly Secret[];
}

/** `action` as in "Could not read the table silver.orders". KS_CREDENTIALS when Glue does not take us, else KS_CATALOG. */
export function glueError({ endpoint, tries, secrets }: From, action: string, cause: unknown): KeystoneError {
  if (isKeystoneError(cause)) return cause;
  const { code, $metadata } = failureOf(cause);
  const [name, status] = [refusalOf(cause), $metadata?.httpStatusCode];
  const said = redact(messageOf(cause), secrets);
  const tried = tries > 1 ? `, ${tries} tries` : '';
  const details = { cause: name === '' || name === 'Error' ? (code ?? null) : name, status: status ?? null, endpoint };
  const fail = (errorCode: 'KS_CATALOG' | 'KS_CREDENTIALS', why: string, hint: string): KeystoneError =>
    new KeystoneError(errorCode, `Could not ${action}: ${why}`, { hint, cause, details });

  if (NOT_TRUSTED.has(name) || status === 401 || status === 403) {
    return fail(
      'KS_CREDENTIALS',
      name === 'CredentialsProviderError' ? 'there are no AWS credentials here' : `Glue refused (${name}: ${said})`,
      name === 'AccessDeniedException'
        ? 'Give this identity glue:GetDatabase(s), glue:CreateDatabase, glue:GetTable(s), glue:CreateTable, glue:UpdateTable and glue:DeleteTable on the databases of the lake; keystone doctor tries them.'
        : 'Check what catalog.glue.accessKeyId and catalog.glue.secretAccessKey name, or the credentials of the AWS SDK (aws sts get-caller-identity).',
    );
  }
  if (status === undefined) {
    return fail(
      'KS_CATALOG',
      `Glue at ${endpoint} does not answer (${said === '' ? (code ?? name) : said}${tried})`,
      'Check catalog.glue.endpoint and the network, then run the same command again; keystone doctor tries the way.',
    );
  }
  if (status >= 500 || status === 429 || tries > 1) {
    return fail(
      'KS_CATALOG',
      `Glue at ${endpoint} is failing or too busy (${name || status}${tried})`,
      'Run the same command again when it has recovered; nothing half-written counts.',
    );
  }
  return fail('KS_CATALOG', `${name || status}: ${said}`, 'keystone doctor says whether the catalog does what the lake needs.');
}
