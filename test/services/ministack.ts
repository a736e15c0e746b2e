/**
 * The small services of AWS on this machine: ministack (https://pypi.org/project/ministack), whose Glue refuses a stale VersionId and
 * whose CloudWatch really evaluates alarms. A virtual environment of its pinned version lies in the user's cache, made on first use.
 * It checks no signatures, and its S3 is not used: versitygw is the stricter one.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';

const run = promisify(execFile);

const REQUIREMENT = 'ministack==1.5.33';
const STARTS_WITHIN_MS = 120_000;

export interface Ministack {
  /** e.g. `http://127.0.0.1:41234`; the same after `start` again. Any region, any credentials. */
  readonly endpoint: string;
  /** SIGTERM: what it holds is written down first, and there again after `start`. */
  shutdown(): Promise<void>;
  /** kill -9, and gone when it resolves. It holds its state in memory: what was not written down by `shutdown` is lost. */
  kill(): Promise<void>;
  /** Suspends it, or wakes it: it takes connections and does not answer. */
  suspend(suspended: boolean): void;
  /** Starts it again on the same port and state. */
  start(): Promise<void>;
  /** Ends it and removes its state. */
  stop(): Promise<void>;
}

/** Path of the program, or null where there is no Python to run it. */
export async function installMinistack(): Promise<string | null> {
  const build = await run('python3', ['-c', 'import sys, platform; print(sys.version, platform.machine(), sys.executable)']).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
  if (build === null) return null;
  const name = createHash('sha256').update(build).update(REQUIREMENT).digest('hex').slice(0, 16);
  const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'keystone-services');
  const environment = path.join(cache, `ministack-${name}`);
  const program = path.join(environment, 'bin', 'ministack');
  if (existsSync(program)) return program;

  process.stderr.write(`Installing ${REQUIREMENT} into ${environment}…\n`);
  await mkdir(cache, { recursive: true });
  // Made aside and linked when whole (an environment can't be renamed): a run that is stopped or has company leaves no half one under the name.
  const made = await mkdtemp(`${environment}-`);
  try {
    await run('python3', ['-m', 'venv', made]);
    const options = ['--quiet', '--disable-pip-version-check', '--only-binary', ':all:'];
    await run(path.join(made, 'bin', 'python'), ['-m', 'pip', 'install', ...options, REQUIREMENT], { maxBuffer: 64e6 });
    await symlink(made, environment);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    if (!existsSync(program)) throw error; // else another run was quicker
  }
  return program;
}

export async function startMinistack(program: string): Promise<Ministack> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-aws-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
    ending.kill('SIGCONT');
    ending.kill(signal);
    await ended;
  };
  // It dies with the tests, also with those that are ended by process.exit.
  const onExit = (): void => void child?.kill('SIGKILL');
  process.once('exit', onExit);
  const start = async (): Promise<void> => {
    const started = spawn(program, [], {
      env: {
        ...process.env,
        BIND_HOST: '127.0.0.1',
        GATEWAY_PORT: String(port),
        S3_DATA_DIR: path.join(dir, 's3'),
        STATE_DIR: path.join(dir, 'state'),
        PERSIST_STATE: '1',
      },
      cwd: dir,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child = started;
    let said = '';
    started.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-2000)));
    const begunMs = Date.now();
    while (Date.now() - begunMs < STARTS_WITHIN_MS) {
      if (started.exitCode !== null) throw new Error(`ministack ended at once: ${said}`);
      if (await answers(`${endpoint}/_ministack/health`)) return;
      await delay(50);
    }
    throw new Error(`ministack does not answer at ${endpoint}: ${said}`);
  };
  await start();
  return {
    endpoint,
    shutdown: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    suspend: (suspended) => void child?.kill(suspended ? 'SIGSTOP' : 'SIGCONT'),
    start,
    stop: async () => {
      await end('SIGKILL');
      process.removeListener('exit', onExit);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    (answer) => answer.ok,
    () => false,
  );
