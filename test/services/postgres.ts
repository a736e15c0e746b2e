/**
 * A real PostgreSQL, and PgBouncer in front of it, for tests: Debian's, started on a free port of 127.0.0.1 in a temporary folder.
 * Both die with this process and leave nothing behind.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';

const run = promisify(execFile);

const PASSWORD = 'pässword/with@signs';

export interface PostgresServer {
  readonly port: number;
  /** Of the superuser, whose password holds signs that a URL must escape. */
  url(database?: string, parameters?: string): string;
  readonly password: string;
  readonly folder: string;
  /** Statements, each alone, by psql. */
  sql(database: string, ...statements: string[]): Promise<string>;
  start(): Promise<void>;
  /** `fast` ends connections and writes everything; `kill` is kill -9 of the server and its children. */
  stop(how?: 'fast' | 'kill'): Promise<void>;
  /** Suspends the server, or wakes it: it takes connections and does not answer. */
  suspend(suspended: boolean): Promise<void>;
  remove(): Promise<void>;
}

export interface PgBouncer {
  url(database?: string): string;
  remove(): Promise<void>;
}

/** Folder of PostgreSQL's programs, installed by apt where this is Debian and root; null where there is none. */
export async function installPostgres(): Promise<string | null> {
  const found = programs();
  if (found !== null || !(await aptInstall('postgresql'))) return found;
  return programs();
}

/** Path of PgBouncer, or null. */
export async function installPgBouncer(): Promise<string | null> {
  const program = '/usr/sbin/pgbouncer';
  if (!existsSync(program)) await aptInstall('pgbouncer');
  return existsSync(program) ? program : null;
}

function programs(): string | null {
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base) ? readdirSync(base).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => path.join(base, version, 'bin'));
  return folders.find((folder) => existsSync(path.join(folder, 'initdb'))) ?? null;
}

async function aptInstall(name: string): Promise<boolean> {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = (): Promise<unknown> => run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], { env });
  try {
    await install().catch(async () => {
      await run('apt-get', ['update', '-qq'], { env });
      await install();
    });
    return true;
  } catch {
    return false;
  }
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL does not run as root. */
async function account(): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  const id = async (flag: string): Promise<number> => Number((await run('id', [flag, 'postgres'])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}

/**
 * The program beside a shell that reads a pipe of this process: when this process ends, however it ends, the pipe ends too, and the
 * shell ends the program and removes its folder.
 */
function startTied(
  program: string,
  args: readonly string[],
  as: Account | null,
  log: string,
  signal: 'QUIT' | 'TERM',
): ChildProcess {
  const script = `out=$1; shift; "$@" >>"$out" 2>&1 </dev/null & pid=$!
    (read -r _ <&3; : >"$out.over"; kill -s "$0" $pid) 2>/dev/null & watch=$!
    wait $pid; kill -9 $watch 2>/dev/null
    [ ! -e "$out.over" ] || rm -rf "\${out%/*}"`;
  return spawn('/bin/sh', ['-c', script, signal, log, program, ...args], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
    cwd: path.dirname(log),
    ...as,
  });
}

const gone = async (child: ChildProcess, withinMs: number): Promise<boolean> => {
  for (let waited = 0; child.exitCode === null && child.signalCode === null; waited += 20) {
    if (waited > withinMs) return false;
    await delay(20);
  }
  return true;
};

export interface PostgresOptions {
  /** Certificate and key (PEM files) with which the server speaks TLS. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

export async function startPostgres(bin: string, options: PostgresOptions = {}): Promise<PostgresServer> {
  const as = await account();
  const folder = await mkdtemp(path.join(os.tmpdir(), 'keystone-postgres-'));
  if (as) await chown(folder, as.uid, as.gid);
  const [data, log, secret] = ['data', 'log', 'secret'].map((name) => path.join(folder, name)) as [string, string, string];
  const port = await freePort();
  await writeFile(secret, `${PASSWORD}\n`, { mode: 0o600 });
  if (as) await chown(secret, as.uid, as.gid);
  const owned = { ...as, cwd: folder };
  await run(
    path.join(bin, 'initdb'),
    ['-D', data, '-U', 'keeper', '-A', 'scram-sha-256', `--pwfile=${secret}`, '--no-sync', '-E', 'UTF8', '--locale=C'],
    owned,
  );
  const tls: string[] = [];
  if (options.tls) {
    for (const [setting, from] of [
      ['ssl_cert_file', options.tls.certificate],
      ['ssl_key_file', options.tls.key],
    ] as const) {
      const file = path.join(folder, `${setting}.pem`);
      await writeFile(file, await readFile(from), { mode: 0o600 });
      if (as) await chown(file, as.uid, as.gid);
      tls.push('-c', `${setting}=${file}`);
    }
    tls.push('-c', 'ssl=on');
  }
  let server: ChildProcess | undefined;
  const url = (database = 'postgres', parameters = ''): string =>
    `postgres://keeper:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${database}${parameters}`;
  const postmaster = async (): Promise<number | null> => {
    const text = await readFile(path.join(data, 'postmaster.pid'), 'utf8').catch(() => '');
    return Number(text.split('\n')[0]) || null;
  };
  const sql = async (database: string, ...statements: string[]): Promise<string> => {
    const { stdout } = await run(
      path.join(bin, 'psql'),
      [
        '-X',
        '-q',
        '-A',
        '-t',
        '-v',
        'ON_ERROR_STOP=1',
        '-h',
        '127.0.0.1',
        '-p',
        String(port),
        '-U',
        'keeper',
        '-d',
        database,
      ].concat(statements.flatMap((statement) => ['-c', statement])),
      { env: { ...process.env, PGPASSWORD: PASSWORD } },
    );
    return stdout.trim();
  };
  const stop: PostgresServer['stop'] = async (how = 'fast') => {
    const child = server;
    if (!child) return;
    const pid = await postmaster();
    if (pid !== null && how === 'kill') {
      for (const each of [pid, ...(await backends(pid))]) signalIfThere(each, 'SIGKILL');
    } else if (pid !== null) process.kill(pid, 'SIGINT');
    if (!(await gone(child, 20_000))) throw new Error(`PostgreSQL (${pid}) does not end`);
    server = undefined;
    if (how === 'kill') await rm(path.join(data, 'postmaster.pid'), { force: true });
  };
  const start = async (): Promise<void> => {
    server = startTied(
      path.join(bin, 'postgres'),
      [
        '-D',
        data,
        '-p',
        String(port),
        '-c',
        'listen_addresses=127.0.0.1',
        '-c',
        'unix_socket_directories=',
        '-c',
        'fsync=off',
        '-c',
        'max_connections=60',
        ...tls,
      ],
      as,
      log,
      'QUIT',
    );
    for (let tries = 0; ; tries += 1) {
      const ready = await run(path.join(bin, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)]).then(
        () => true,
        () => false,
      );
      if (ready) return;
      if (tries > 300 || server.exitCode !== null)
        throw new Error(`PostgreSQL did not start: ${await readFile(log, 'utf8').catch(() => 'no log')}`);
      await delay(100);
    }
  };
  const handle: PostgresServer = {
    port,
    url,
    password: PASSWORD,
    folder,
    sql,
    start,
    stop,
    suspend: async (suspended) => {
      const pid = server && (await postmaster());
      if (pid) for (const each of [pid, ...(await backends(pid))]) signalIfThere(each, suspended ? 'SIGSTOP' : 'SIGCONT');
    },
    remove: async () => {
      await handle.suspend(false);
      await stop('kill');
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await start();
  } catch (error) {
    await handle.remove();
    throw error;
  }
  return handle;
}

/** A backend may end between being found and being told. */
function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** PostgreSQL's processes lead groups of their own; they are found by their parent. */
async function backends(postmaster: number): Promise<readonly number[]> {
  const { stdout } = await run('ps', ['-o', 'pid=', '--ppid', String(postmaster)]).catch(() => ({ stdout: '' }));
  return stdout.split(/\s+/).filter(Boolean).map(Number);
}

/** PgBouncer in transaction mode: each transaction may run on another of two connections to the server. */
export async function startPgBouncer(program: string, server: PostgresServer): Promise<PgBouncer> {
  const as = await account();
  const folder = await mkdtemp(path.join(os.tmpdir(), 'keystone-pgbouncer-'));
  const port = await freePort();
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  const [config, users, log] = ['config.ini', 'users', 'log'].map((name) => path.join(folder, name)) as [string, string, string];
  await writeFile(users, `"keeper" ${quoted(server.password)}\n`);
  await writeFile(
    config,
    `[databases]
* = host=127.0.0.1 port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = 2
server_check_delay = 0
server_login_retry = 1
`,
  );
  if (as) for (const file of [folder, config, users]) await chown(file, as.uid, as.gid);
  const child = startTied(program, [config], as, log, 'TERM');
  for (let tries = 0; !(await answers(port)); tries += 1) {
    if (tries > 200 || child.exitCode !== null) throw new Error(`PgBouncer did not start: ${await readFile(log, 'utf8')}`);
    await delay(50);
  }
  return {
    url: (database = 'postgres') => `postgres://keeper:${encodeURIComponent(server.password)}@127.0.0.1:${port}/${database}`,
    remove: async () => {
      // The shell's pipe ends: it ends PgBouncer.
      (child.stdio[3] as Writable).end();
      await gone(child, 10_000);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
