/** What a failure of PostgreSQL or of the way to it means, and what to do about it. */
import { KeystoneError, isKeystoneError, messageOf, type ErrorCode } from '../errors.js';

interface Reading {
  readonly code: ErrorCode;
  readonly problem: string;
  readonly hint: string;
}

const DOCTOR = 'keystone doctor';

/** By SQLSTATE (https://www.postgresql.org/docs/15/errcodes-appendix.html), its class, or Node's code; the first that fits. */
const READINGS: readonly (readonly [RegExp, ErrorCode, string, string])[] = [
  [/^28P01$/, 'KS_CREDENTIALS', 'did not accept the password', 'check user and password in the secret of state.postgres.url'],
  [
    /^28000$/,
    'KS_CREDENTIALS',
    'did not let this user in',
    'check the user and sslmode in the secret of state.postgres.url, and pg_hba.conf of the server',
  ],
  [/^3D000$/, 'KS_STATE', 'does not exist', 'create it (createdb), or correct the secret of state.postgres.url'],
  [
    /^42501$/,
    'KS_STATE',
    'does not allow this user what is needed',
    'GRANT CREATE ON DATABASE … for the first start, or let an administrator create the schema and own it',
  ],
  [/^53300$/, 'KS_STATE', 'has no connection left', 'lower state.postgres.poolSize, or put a pooler in front of it'],
  [/^57014$/, 'KS_STATE', 'took longer than its timeout', `see what locks its tables (pg_stat_activity), then ${DOCTOR}`],
  [/^25006$/, 'KS_STATE', 'is read only', 'name the primary, not a replica, in the secret of state.postgres.url'],
  [/^(57P0.|08...)$/, 'KS_STATE', 'is stopping or starting', `wait for it, then ${DOCTOR}`],
  [/^53100$/, 'KS_STATE', 'has no room left', "free the server's disk"],
  [
    /^ENOTFOUND$|^EAI_/,
    'KS_STATE',
    'is on a host that no name service knows',
    'check the host in the secret of state.postgres.url',
  ],
  [
    /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOENT)/,
    'KS_STATE',
    'does not answer',
    `check that PostgreSQL runs and may be reached from here, then ${DOCTOR}`,
  ],
  [
    /^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|CERT_|ERR_TLS_CERT)/,
    'KS_CREDENTIALS',
    'shows a certificate that is not trusted',
    'name its CA with sslrootcert=FILE in the URL, and its name in the certificate as host (sslmode=verify-ca looks at the chain alone)',
  ],
  [
    /^ERR_SSL|^EPROTO/,
    'KS_STATE',
    'cannot agree on TLS',
    'check sslmode, sslcert and sslkey in the secret of state.postgres.url',
  ],
];

/** `what` names the thing, e.g. `the state database keystone on db:5432`; a KeystoneError stays what it is. */
export function describePostgresFailure(error: unknown, what: string): KeystoneError {
  if (isKeystoneError(error)) return error;
  const { code, problem, hint } = read(error);
  return new KeystoneError(code, `${what} ${problem}: ${causeOf(error)}`, { hint, cause: error });
}

function read(error: unknown): Reading {
  const code = codeOf(error);
  const known = READINGS.find(([pattern]) => pattern.test(code));
  if (known) return { code: known[1], problem: known[2], hint: known[3] };
  const message = messageOf(error);
  if (/does not support SSL/i.test(message))
    return { code: 'KS_STATE', problem: 'speaks no TLS', hint: 'sslmode=disable in the URL, where the network is to be trusted' };
  if (/SASL|password must be a string|empty password/i.test(message))
    return {
      code: 'KS_CREDENTIALS',
      problem: 'asks for a password',
      hint: 'write it into the secret of state.postgres.url: postgres://user:password@…',
    };
  if (/terminated|timeout|not queryable|closed/i.test(message))
    return {
      code: 'KS_STATE',
      problem: 'does not answer',
      hint: `check that PostgreSQL runs and may be reached from here, then ${DOCTOR}`,
    };
  return { code: 'KS_STATE', problem: 'failed', hint: DOCTOR };
}

/** Node tries every address of a host and reports the failures together, without a message. */
function causeOf(error: unknown): string {
  const inner = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [];
  return inner.length > 0 ? [...new Set(inner.map(messageOf))].join('; ') : messageOf(error);
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'cause' in error ? codeOf(error.cause) : '';
}
