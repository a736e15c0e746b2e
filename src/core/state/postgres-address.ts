/**
 * Where the state database is, read from a URL in libpq's form (https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING).
 * Parsed here, because `pg` takes `sslmode` differently from libpq and warns on standard error. The URL holds the password: no error
 * repeats it.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { KeystoneError } from '../errors.js';

export interface PostgresAddress {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Never printed. */
  readonly password: string | undefined;
  /** False: without TLS. */
  readonly tls: false | ConnectionOptions;
  /** Null: the caller's. */
  readonly connectTimeoutMs: number | null;
  readonly applicationName: string;
}

const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
type SslMode = (typeof SSL_MODES)[number];

const PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'connect_timeout', 'application_name', 'host', 'port'];

/** What is to be shown of an address. */
export const showAddress = ({ host, port, database }: PostgresAddress): string => `${database} on ${host}:${port}`;

/**
 * Relative files lie in the project's folder. `sslmode` without a value is `disable` on this machine and `verify-full` elsewhere; as in
 * libpq, `require` with a root certificate checks the chain. @throws KeystoneError KS_CONFIG, without the URL.
 */
export async function readPostgresUrl(text: string, projectDir: string): Promise<PostgresAddress> {
  const url = parsed(text);
  const { searchParams: parameters } = url;
  const host = parameters.get('host') ?? decoded(url.hostname.replace(/^\[(.*)\]$/, '$1'));
  const user = decoded(url.username);
  // A sign of the password that was not escaped cuts the URL: what follows is not to be shown.
  if (user === '' || url.hash !== '') throw wrong('the URL names no user', `${SHAPE}; ${ESCAPES}`);
  if (host === '') throw wrong('the URL names no host', SHAPE);
  for (const name of parameters.keys()) {
    if (!PARAMETERS.includes(name))
      throw wrong(`the parameter "${name}" of the URL is unknown`, `known: ${PARAMETERS.join(', ')}`);
  }
  const connectTimeout = parameters.get('connect_timeout');
  if (connectTimeout !== null && !/^\d+$/.test(connectTimeout))
    throw wrong('connect_timeout is no number of seconds', 'write it like connect_timeout=5');
  const port = parameters.get('port') ?? url.port;
  if (!/^\d*$/.test(port)) throw wrong('the port is no number', SHAPE);
  return {
    host,
    port: port === '' ? 5432 : Number(port),
    database: decoded(url.pathname.slice(1)) || user,
    user,
    password: url.password === '' ? undefined : decoded(url.password),
    tls: await tlsOf(parameters, host, projectDir),
    connectTimeoutMs: connectTimeout === null || connectTimeout === '0' ? null : Number(connectTimeout) * 1000,
    applicationName: parameters.get('application_name') ?? 'keystone',
  };
}

const ESCAPES = 'signs such as @ / # ? in the password as %40 %2F %23 %3F';
const SHAPE = 'write it like postgres://user:password@host:5432/database?sslmode=verify-full';

/** The cause is dropped: Node's error of a bad URL carries the URL. */
const wrong = (problem: string, hint: string): KeystoneError =>
  new KeystoneError('KS_CONFIG', `state.postgres.url: ${problem}`, { hint });

function parsed(text: string): URL {
  if (!URL.canParse(text)) throw wrong('the secret it names holds no URL', `${SHAPE}; ${ESCAPES}`);
  const url = new URL(text);
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw wrong('the secret it names holds no URL of PostgreSQL', SHAPE);
  return url;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong('a percent sign in it starts no escape', 'write a percent sign as %25');
  }
}

const isLocal = (host: string): boolean =>
  host.startsWith('/') || host === 'localhost' || host === '::1' || host.startsWith('127.');

async function tlsOf(parameters: URLSearchParams, host: string, projectDir: string): Promise<false | ConnectionOptions> {
  const given = parameters.get('sslmode');
  if (given !== null && !SSL_MODES.some((mode) => mode === given))
    throw wrong(
      `sslmode=${given} is not supported`,
      `choose ${SSL_MODES.join(', ')}: a connection is either guarded or it is not`,
    );
  const mode = (given as SslMode | null) ?? (isLocal(host) ? 'disable' : 'verify-full');
  if (mode === 'disable') return false;
  const file = async (parameter: string): Promise<string | undefined> => {
    const name = parameters.get(parameter);
    if (name === null || (parameter === 'sslrootcert' && name === 'system')) return undefined;
    return readFile(path.resolve(projectDir, name), 'utf8').catch((cause: unknown) => {
      throw new KeystoneError('KS_CONFIG', `state.postgres.url: ${parameter} names ${name}, which cannot be read`, {
        hint: 'check that the file exists and may be read; relative names lie in the project',
        cause,
      });
    });
  };
  const [ca, cert, key] = await Promise.all([file('sslrootcert'), file('sslcert'), file('sslkey')]);
  return {
    // What the certificate must name. Without it Node would look for `localhost` where the host is an address.
    host,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: mode !== 'require' || ca !== undefined,
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}
