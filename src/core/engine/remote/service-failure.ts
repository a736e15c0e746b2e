/** What a service says of a statement that it refused or lost, as errors; the same for Athena and Trino, which share their words. */
import { KeystoneError, type ErrorCode } from '../../errors.js';
import type { RemoteRunOptions } from './remote-service.js';

export interface ServiceRefusal {
  readonly service: string;
  /** e.g. `TABLE_NOT_FOUND`; empty where it said none. */
  readonly name: string;
  readonly message: string;
  /** The writer of the statement can mend it. */
  readonly isUsers: boolean;
  /** It may pass by itself. */
  readonly isTransient: boolean;
  readonly statementId: string;
  readonly sql: string;
}

const DENIED = /^(?:PERMISSION_DENIED|ACCESS_DENIED)$|\b(?:access denied|insufficient permissions|not authorized)\b/i;
const UNKNOWN_TABLE = /^(?:TABLE_NOT_FOUND|SCHEMA_NOT_FOUND)$|\b(?:Table|Schema) '?[^ ]+'? (?:does not exist|not found)/i;

/** Its cause is marked as transient where it may pass. */
export function serviceFailure(refusal: ServiceRefusal, placeOf: RemoteRunOptions['placeOf']): KeystoneError {
  const { service, name, message, isUsers, isTransient, statementId, sql } = refusal;
  const said = name === '' || message.startsWith(name) ? message : `${name}: ${message}`;
  const written = /\bline (\d+):(\d+)\b/.exec(said);
  const place = written && placeOf ? placeOf(Number(written[1]), Number(written[2])) : null;
  const text = written && place ? said.replace(written[0], `line ${place.line}:${place.column}`) : said;
  const code: ErrorCode = DENIED.test(said) ? 'KS_CREDENTIALS' : isUsers ? 'KS_SQL' : 'KS_ENGINE';
  const hint =
    code === 'KS_CREDENTIALS'
      ? `give this identity what the statement needs at ${service}; keystone doctor tries it`
      : UNKNOWN_TABLE.test(said)
        ? `the lake has the table and the catalog of ${service} has not: catalog.adapter must be glue there; keystone doctor looks`
        : code === 'KS_ENGINE' && isTransient
          ? 'run the same command again when it has recovered'
          : undefined;
  return new KeystoneError(code, `${service}: ${text}`, {
    details: { statement: statementId, sql: sql.slice(0, 500), ...place },
    cause: Object.assign(new Error(said), isTransient ? { name, status: 503 } : { name }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A statement that was stopped on request. */
export const stopped = (service: string, statementId: string | null, cause?: unknown): KeystoneError =>
  new KeystoneError('KS_INTERRUPTED', statementId === null ? 'the query was stopped before it began' : 'the query was stopped', {
    details: { service, statement: statementId },
    ...(cause === undefined ? {} : { cause }),
  });

/** One that took longer than the settings allow; it is cancelled. */
export const tookTooLong = (service: string, statementId: string, timeoutMs: number): KeystoneError =>
  new KeystoneError('KS_ENGINE', `${service}: the statement took longer than ${timeoutMs / 1000} s and was cancelled`, {
    hint: `ask for less, or raise engine.${service}.timeout`,
    details: { statement: statementId },
  });
