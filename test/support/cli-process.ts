/** Spawns `bin/run.js` as a user would; needs the build. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

/** False where `npm run build` has not run yet. */
export const isBuilt = (): boolean => existsSync(fileURLToPath(new URL('../../dist/commands', import.meta.url)));

export interface CliProcess {
  readonly child: ChildProcess;
  /** Resolves at the end. */
  readonly ended: Promise<CliEnd>;
  /** What standard output and error have held until now. */
  stdout(): string;
  stderr(): string;
}

export interface CliEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  /** Given on standard input, which then ends. */
  readonly input?: string | Uint8Array;
  /** Leaves standard input open for the test to write to. */
  readonly holdInput?: boolean;
  /** Beside the test's own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export function startCli(args: readonly string[], options: CliOptions): CliProcess {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  // A command that does not read its input may be gone before it is written.
  child.stdin.on('error', () => undefined);
  if (!options.holdInput) child.stdin.end(options.input ?? '');
  const ended = new Promise<CliEnd>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
  return { child, ended, stdout: () => stdout, stderr: () => stderr };
}

export const runCli = (args: readonly string[], options: CliOptions): Promise<CliEnd> => startCli(args, options).ended;
