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
/** Athena adds to it that one may not be authorised to see the column: a misspelt one is far likelier. */
const UNKNOWN_COLUMN = /\bColumn '[^']+' cannot be resolved/i;
const UNKNOWN_TABLE = /^(?:TABLE_NOT_FOUND|SCHEMA_NOT_FOUND)$|\b(?:Table|Schema) '?[^ ]+'? (?:does not exist|not found)/i;

const UNKNOWN_CATALOG = /^CATALOG_NOT_FOUND$|\b(?:data ?)?catalog:? '?[^ ']+'? (?:does not exist|(?:was )?not found)/i;
/** Of Athena, which writes each result there. */
const UNKNOWN_OUTPUT = /\boutput (?:bucket|location)\b|NoSuchBucket|specified bucket does not exist/i;

/** A setting that names what the service has not; null: the failure is no such one. */
function settingAtFault(service: string, name: string, said: string): { readonly setting: string; readonly hint: string } | null {
  if (UNKNOWN_CATALOG.test(name) || UNKNOWN_CATALOG.test(said)) {
    const setting = `engine.${service}.catalog`;
    return { setting, hint: `set ${setting} to the catalog of ${service} that holds the lake's tables; keystone doctor looks` };
  }
  if (service === 'athena' && UNKNOWN_OUTPUT.test(said)) {
    const setting = 'engine.athena.output';
    return { setting, hint: `set ${setting} to s3://bucket/prefix/ of a bucket that exists, in the region of Athena` };
  }
  return null;
}

/** Its cause is marked as transient where it may pass. */
export function serviceFailure(refusal: ServiceRefusal, placeOf: RemoteRunOptions['placeOf']): KeystoneError {
  const { service, name, message, isUsers, isTransient, statementId, sql } = refusal;
  const said = name === '' || message.startsWith(name) ? message : `${name}: ${message}`;
  const written = /\bline (\d+):(\d+)\b/.exec(said);
  const place = written && placeOf ? placeOf(Number(written[1]), Number(written[2])) : null;
  const text = written && place ? said.replace(written[0], `line ${place.line}:${place.column}`) : said;
  const atFault = settingAtFault(service, name, said);
  const isDenied = DENIED.test(said) && !UNKNOWN_COLUMN.test(said);
  const code: ErrorCode = isDenied ? 'KS_CREDENTIALS' : atFault ? 'KS_CONFIG' : isUsers ? 'KS_SQL' : 'KS_ENGINE';
  const problem = code === 'KS_CONFIG' && atFault ? `${text} (${atFault.setting})` : text;
  const hint = code === 'KS_CONFIG' ? atFault?.hint : hintOf(code, said, refusal);
  return new KeystoneError(code, `${service}: ${problem}`, {
    details: { statement: statementId, sql: sql.slice(0, 500), ...place },
    cause: Object.assign(new Error(said), isTransient ? { name, status: 503 } : { name }),
    ...(hint === undefined ? {} : { hint }),
  });
}

function hintOf(code: ErrorCode, said: string, { service, isTransient }: ServiceRefusal): string | undefined {
  if (code === 'KS_CREDENTIALS') return `give this identity what the statement needs at ${service}; keystone doctor tries it`;
  if (UNKNOWN_TABLE.test(said))
    return `the lake has the table and the catalog of ${service} has not: catalog.adapter must be glue there; keystone doctor looks`;
  if (code === 'KS_ENGINE' && isTransient) return `look at ${service}, then run the same command again; keystone doctor tries it`;
  return undefined;
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
