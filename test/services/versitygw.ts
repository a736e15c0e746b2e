/**
 * A real S3 server on this machine: versitygw (https://github.com/versity/versitygw), strict about signatures, checksums and conditional
 * writes, built from its pinned source into the user's cache on first use. Buckets are folders of a temporary folder.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';

const run = promisify(execFile);

/** The Go module proxy and its checksum database vouch for what a version holds. */
const MODULE = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';

export const ACCESS_KEY = 'keystone-test';
export const SECRET_KEY = 'keystone-test-secret';

export interface Versitygw {
  /** e.g. `http://127.0.0.1:41234`; the same after `start` again. */
  readonly endpoint: string;
  /** Where the buckets lie as folders. */
  readonly dataDir: string;
  makeBucket(name: string): Promise<void>;
  /** kill -9, and gone when it resolves. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** Path of the program, or null where there is no Go to build it. Two minutes at the first time. */
export async function installVersitygw(): Promise<string | null> {
  const build = await run('go', ['version']).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
  if (build === null) return null;
  const name = createHash('sha256').update(build).update(MODULE).digest('hex').slice(0, 16);
  const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'keystone-services');
  const program = path.join(cache, `versitygw-${name}`);
  if (existsSync(program)) return program;

  process.stderr.write(`Building ${MODULE} into ${program}…\n`);
  await mkdir(cache, { recursive: true });
  const made = await mkdtemp(`${program}-`);
  try {
    await run('go', ['install', MODULE], { cwd: made, env: { ...process.env, GOBIN: made }, maxBuffer: 64e6 });
    // Renamed when whole: a run that is stopped or has company leaves no half program under the name.
    await rename(path.join(made, 'versitygw'), program);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return program;
}

export async function startVersitygw(program: string): Promise<Versitygw> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-s3-'));
  const dataDir = path.join(dir, 'data');
  await mkdir(dataDir);
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const end = async (): Promise<void> => {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
    ending.kill('SIGKILL');
    await ended;
  };
  // It dies with the tests, also with those that are ended by process.exit.
  const onExit = (): void => void child?.kill('SIGKILL');
  process.once('exit', onExit);
  const start = async (): Promise<void> => {
    const started = spawn(program, ['-q', '--keep-alive', '--port', `127.0.0.1:${port}`, 'posix', dataDir], {
      env: { ...process.env, ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child = started;
    let said = '';
    started.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-2000)));
    for (let tries = 0; tries < 200; tries++) {
      if (started.exitCode !== null) throw new Error(`versitygw ended at once: ${said}`);
      if (await answers(endpoint)) return;
      await delay(50);
    }
    throw new Error(`versitygw does not answer at ${endpoint}: ${said}`);
  };
  await start();
  return {
    endpoint,
    dataDir,
    makeBucket: async (name) => {
      await mkdir(path.join(dataDir, name));
    },
    kill: end,
    start,
    stop: async () => {
      await end();
      process.removeListener('exit', onExit);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const answers = (endpoint: string): Promise<boolean> =>
  fetch(endpoint).then(
    () => true,
    () => false,
  );
