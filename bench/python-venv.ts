/** A Python with the founding consumer's packages for the paired run, made once in a cache folder outside the checkout. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** As pip takes them. */
export const FILE_CONSUMER_PACKAGES = ['pyarrow==24.0.0'] as const;
export const KAFKA_CONSUMER_PACKAGES = [...FILE_CONSUMER_PACKAGES, 'confluent-kafka==2.16.1'] as const;

const step = (command: string, args: readonly string[]): void => {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`);
};

/** Path of its python; throws with what is missing. */
export async function pythonWith(packages: readonly string[], say: (text: string) => void): Promise<string> {
  const cache = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  const venv = path.join(cache, 'keystone-bench', packages.map((each) => each.replace('==', '-')).join('-'));
  const python = path.join(venv, 'bin/python');
  const finished = path.join(venv, 'ready');
  if (existsSync(finished)) return python;
  say(`making a venv with ${packages.join(', ')} in ${venv}`);
  await rm(venv, { recursive: true, force: true });
  await mkdir(path.dirname(venv), { recursive: true });
  step('python3', ['-m', 'venv', venv]);
  step(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  await writeFile(finished, '');
  return python;
}
