/**
 * The founding C++ server for the paired run, built from `bench/founding/ingestion-server.cpp` with the system's gRPC and librdkafka, once,
 * in a cache folder outside the checkout.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const PACKAGES = [
  'g++',
  'pkg-config',
  'libgrpc++-dev',
  'libprotobuf-dev',
  'protobuf-compiler',
  'protobuf-compiler-grpc',
  'librdkafka-dev',
] as const;
const LIBRARIES = ['grpc++', 'protobuf', 'rdkafka++'] as const;
const INSTALL = `apt-get install --no-install-recommends ${PACKAGES.join(' ')}`;

function step(command: string, args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', ...(cwd === undefined ? {} : { cwd }) });
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

const works = (command: string, args: readonly string[]): boolean => spawnSync(command, args).status === 0;
const isInstalled = (): boolean =>
  works('g++', ['--version']) &&
  works('protoc', ['--version']) &&
  works('pkg-config', ['--exists', ...LIBRARIES]) &&
  works('sh', ['-c', 'command -v grpc_cpp_plugin']);

export interface FoundingServer {
  readonly binary: string;
  /** Compiler and libraries by name, as the system has them. */
  readonly versions: string;
}

/** Installs what is missing where this user may (root, apt); throws with what to install where not. */
export async function buildFoundingServer(root: string, say: (text: string) => void): Promise<FoundingServer> {
  if (!isInstalled()) {
    if (process.getuid?.() !== 0 || !works('apt-get', ['--version']))
      throw new Error(`the founding server needs gRPC, protobuf and librdkafka for C++: ${INSTALL}`);
    say(INSTALL);
    step('apt-get', ['update', '-qq']);
    step('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...PACKAGES]);
  }
  const source = path.join(root, 'bench/founding/ingestion-server.cpp');
  const proto = path.join(root, 'proto/ingestion.proto');
  const compiler = step('g++', ['-dumpfullversion']).trim();
  const libraries = LIBRARIES.map((name) => `${name} ${step('pkg-config', ['--modversion', name]).trim()}`).join(', ');
  const versions = `g++ ${compiler} -O2, ${libraries}`;
  const hash = createHash('sha256').update(versions);
  for (const file of [source, proto]) hash.update(await readFile(file));
  const cache = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  const home = path.join(cache, 'keystone-bench', `founding-server-${hash.digest('hex').slice(0, 16)}`);
  const binary = path.join(home, 'ingestion-server');
  if (existsSync(binary)) return { binary, versions };
  say(`building the founding server (${versions})`);
  await mkdir(path.dirname(home), { recursive: true });
  const made = await mkdtemp(`${home}-`);
  try {
    const plugin = step('sh', ['-c', 'command -v grpc_cpp_plugin']).trim();
    step('protoc', [
      `-I${path.dirname(proto)}`,
      `--cpp_out=${made}`,
      `--grpc_out=${made}`,
      `--plugin=protoc-gen-grpc=${plugin}`,
      proto,
    ]);
    const flags = step('pkg-config', ['--cflags', '--libs', ...LIBRARIES])
      .trim()
      .split(/\s+/);
    const files = [source, 'ingestion.pb.cc', 'ingestion.grpc.pb.cc'];
    step('g++', ['-std=c++17', '-O2', '-I.', '-o', 'ingestion-server', ...files, ...flags], made);
    await rename(made, home).catch((error: unknown) => {
      if (!existsSync(binary)) throw error;
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return { binary, versions };
}
