/**
 * The Python that runs the foreign witnesses: a virtual environment of pinned packages in the user's cache, made on first use.
 * Vitest runs `setup` once before all tests. Without a Python they skip; a Python whose packages do not install fails them.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

const run = promisify(execFile);

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the Python to run, or null where there is none. */
    readonly peerPython: string | null;
  }
}

const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
const OLDEST = [3, 11] as const;
const COMMANDS = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python'];
const ON_WINDOWS = process.platform === 'win32';

export default async function setup(project: TestProject): Promise<void> {
  const found = await findPython();
  if (found === null) process.stderr.write(`Skipped: there is no Python ${OLDEST.join('.')} or later here.\n`);
  project.provide('peerPython', found === null ? null : await environmentOf(found));
}

interface Python {
  readonly executable: string;
  /** e.g. `3.11.7 x86_64`: packages of one do not serve another. */
  readonly build: string;
}

async function findPython(): Promise<Python | null> {
  const ask = 'import json, platform, sys; print(json.dumps([sys.executable, *sys.version_info[:3], platform.machine()]))';
  for (const command of COMMANDS) {
    try {
      const { stdout } = await run(command, ['-c', ask]);
      const [executable, major, minor, patch, machine] = JSON.parse(stdout) as [string, number, number, number, string];
      if (major === OLDEST[0] && minor >= OLDEST[1]) {
        return { executable, build: `${major}.${minor}.${patch} ${machine}` };
      }
    } catch {
      // Not installed under this name.
    }
  }
  return null;
}

/** The Python of an environment with the pins of another file beside this one, for witnesses that few tests ask; null where there is no Python. */
export async function pythonWith(requirements: string): Promise<string | null> {
  const found = await findPython();
  return found === null ? null : environmentOf(found, fileURLToPath(new URL(requirements, import.meta.url)));
}

/** The environment's own Python; one environment for each set of pins and each Python. */
async function environmentOf({ executable, build }: Python, requirements = REQUIREMENTS): Promise<string> {
  const pins = await readFile(requirements);
  const name = createHash('sha256').update(build).update(pins).digest('hex').slice(0, 16);
  const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'keystone-peers');
  const environment = path.join(cache, name);
  const python = path.join(environment, ...(ON_WINDOWS ? ['Scripts', 'python.exe'] : ['bin', 'python']));
  if (existsSync(python)) return python;

  process.stderr.write(`Installing the peers' Python packages into ${environment}…\n`);
  // Made aside and linked when whole: a run that is stopped or has company leaves no half environment under the name.
  const made = `${environment}.${process.pid}`;
  await mkdir(cache, { recursive: true });
  try {
    await run(executable, ['-m', 'venv', made]);
    const inside = path.join(made, path.relative(environment, python));
    // Wheels alone: nothing of a package runs while it is installed.
    const options = ['--quiet', '--disable-pip-version-check', '--only-binary', ':all:'];
    await run(inside, ['-m', 'pip', 'install', ...options, '-r', requirements], { maxBuffer: 64e6 });
    await symlink(made, environment, ON_WINDOWS ? 'junction' : 'dir');
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    if (!existsSync(python)) throw error; // else another run was quicker
  }
  return python;
}
