/** Which data file DuckDB could not read, told from its message: the file is missing, cut short or not what was written. */
import { KeystoneError, type KeystoneErrorOptions } from '../../errors.js';
import type { TableName } from '../../table/table-api.js';

/** What DuckDB says of such a file; a refused permission or too many open files are the machine's fault, not the file's. */
const DAMAGE =
  /^(?:IO Error: (?:No files found|Cannot open file .*No such file)|(?:Invalid Input|Invalid|IO|TProtocol\w*|Serialization) Error: .*\b(?:magic bytes|too small|[Ff]ailed to read|Footer|metadata|string encoding|read enough bytes))/s;
/** `…/<namespace>/<table>/data/…/<file>.parquet`; the last of such folders counts, the lake may lie below others. */
const DATA_FILE = /^.*\/([\w-]+)\/([\w-]+)\/data\/([^"'\n]*\.parquet)/m;

/**
 * Damage that DuckDB meets while decoding and reports without the file's name. "Invalid Error" is what it makes of exceptions that are not
 * its own, which come from the decoders of Thrift and of the compressions.
 */
const NAMELESS_DAMAGE =
  /^(?:Invalid Error: |(?:IO Error|Invalid Input Error): (?:TProtocolException|.*Decompression failure|.*[Pp]arquet|Invalid unicode .*value construction))/;

/**
 * KS_TABLE_CORRUPT naming table and file, or null when `message` (DuckDB's) speaks of no damaged data file of a table.
 * `read`: the tables of the statement, for damage that is reported without a name.
 */
export function damagedFile(message: string, cause: unknown, read: readonly TableName[] = []): KeystoneError | null {
  if (read.length > 0 && NAMELESS_DAMAGE.test(message) && !DATA_FILE.test(message)) {
    return corrupt(`a data file of ${read.join(' or ')}`, message, cause, { tables: read });
  }
  const found = DAMAGE.test(message) ? DATA_FILE.exec(message.split('\nLINE ')[0] ?? '') : null;
  if (!found) return null;
  const [, namespace, name, file] = found;
  const table = `${namespace}.${name}`;
  return corrupt(`${namespace}/${name}/data/${file} of ${table}`, message, cause, {
    table,
    file: `${namespace}/${name}/data/${file}`,
  });
}

function corrupt(
  what: string,
  message: string,
  cause: unknown,
  details: NonNullable<KeystoneErrorOptions['details']>,
): KeystoneError {
  const reason = (message.split('\n')[0] ?? '').replace(/^[\w ]*Error: /, '').replace(/: value ".*/s, '');
  const problem = /^(?:No files found|Cannot open)/.test(reason) ? 'is missing' : `is damaged: ${reason}`;
  return new KeystoneError('KS_TABLE_CORRUPT', `${what} ${problem}`, {
    hint: 'keystone ledger verify --deep',
    details,
    cause,
  });
}
