/**
 * grpcurl, the command-line client that people reach for first: built from its pinned source into the user's cache on first use.
 * Vitest runs `setup` once before all tests. Without Go its tests skip; a Go that does not build it fails them.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

const run = promisify(execFile);

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of grpcurl, or null where there is no Go to build it. */
    readonly peerGrpcurl: string | null;
  }
}

/** The Go module proxy and its checksum database vouch for what a version holds. */
const MODULE = 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3';

export default async function setup(project: TestProject): Promise<void> {
  const build = await goBuild();
  if (build === null) process.stderr.write('Skipped: there is no Go here, so no grpcurl.\n');
  project.provide('peerGrpcurl', build === null ? null : await grpcurlOf(build));
}

/** e.g. `go version go1.26.8 linux/amd64`; null where there is no Go. */
async function goBuild(): Promise<string | null> {
  try {
    return (await run('go', ['version'])).stdout.trim();
  } catch {
    return null;
  }
}

async function grpcurlOf(build: string): Promise<string> {
  const name = createHash('sha256').update(build).update(MODULE).digest('hex').slice(0, 16);
  const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'keystone-peers');
  const program = path.join(cache, `grpcurl-${name}${process.platform === 'win32' ? '.exe' : ''}`);
  if (existsSync(program)) return program;

  process.stderr.write(`Building ${MODULE} into ${program}…\n`);
  await mkdir(cache, { recursive: true });
  const made = await mkdtemp(`${program}-`);
  try {
    await run('go', ['install', MODULE], { cwd: made, env: { ...process.env, GOBIN: made }, maxBuffer: 64e6 });
    // Renamed when whole: a run that is stopped or has company leaves no half program under the name.
    await rename(path.join(made, path.extname(program) === '.exe' ? 'grpcurl.exe' : 'grpcurl'), program);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return program;
}
