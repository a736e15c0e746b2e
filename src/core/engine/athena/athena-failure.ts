/** What a call that Athena refused means to the person who runs Keystone. */
import { isKeystoneError, KeystoneError, messageOf } from '../../errors.js';
import type { RemoteRunOptions } from '../remote/remote-service.js';
import { serviceFailure } from '../remote/service-failure.js';

export interface AthenaCall {
  /** The endpoint, or AWS in its region. */
  readonly place: string;
  readonly workgroup: string;
  readonly sql: string;
  readonly placeOf?: RemoteRunOptions['placeOf'];
}

const NOT_TRUSTED = new Set([
  'AccessDeniedException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'IncompleteSignatureException',
  'ExpiredTokenException',
  'CredentialsProviderError',
  'TokenProviderError',
]);

/** KS_CREDENTIALS, KS_CONFIG, KS_SQL, else KS_ENGINE; the cause is what the client threw. */
export function athenaCallFailure(error: unknown, { place, workgroup, sql, placeOf }: AthenaCall): KeystoneError {
  if (isKeystoneError(error)) return error;
  const { name = '' } = error as { readonly name?: string };
  const said = messageOf(error);
  if (NOT_TRUSTED.has(name)) {
    return new KeystoneError('KS_CREDENTIALS', `Athena at ${place} refused (${name}: ${said})`, {
      hint: `give this identity athena:StartQueryExecution, GetQueryExecution, GetQueryResults, StopQueryExecution and GetWorkGroup on the workgroup ${workgroup}; keystone doctor tries them`,
      cause: error,
    });
  }
  if (name === 'InvalidRequestException' || name === 'ResourceNotFoundException') {
    // Before the workgroup: the message speaks of both.
    if (/output location|outputlocation|output bucket/i.test(said)) {
      return new KeystoneError('KS_CONFIG', `Athena at ${place}: ${said}`, {
        hint: `set engine.athena.output to s3://bucket/prefix/, or name a workgroup that has an output location with engine.athena.workgroup (now ${workgroup})`,
        cause: error,
      });
    }
    if (/workgroup/i.test(said)) {
      return new KeystoneError('KS_CONFIG', `Athena at ${place}: ${said}`, {
        hint: 'name an existing workgroup with engine.athena.workgroup',
        cause: error,
      });
    }
    const refusal = { service: 'athena', name: '', message: said, isUsers: true, isTransient: false, statementId: '', sql };
    return serviceFailure(refusal, placeOf);
  }
  return new KeystoneError('KS_ENGINE', `Athena at ${place} does not answer: ${said === '' ? name : said}`, {
    hint: 'run the same command again when it has recovered',
    cause: error,
  });
}
