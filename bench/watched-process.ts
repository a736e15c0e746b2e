/** A child process with its CPU time and peak memory, read from /proc while it runs (Linux; null elsewhere). */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessUsage {
  readonly cpuSeconds: number | null;
  readonly peakRssMb: number | null;
}

/** Kernel ticks per second of /proc's times: 100 on every Linux that Node supports. */
const TICKS = 100;
const SAMPLE_MS = 20;
const RSS_MS = 100;

/** User and system seconds of a live process, its threads included. */
export function readCpuSeconds(pid: number): number | null {
  try {
    // The command's name may hold blanks and brackets; the fields begin behind the last bracket.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return null;
  }
}

export function readPeakRssMb(pid: number): number | null {
  try {
    const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match ? Number(match[1]) / 1024 : null;
  } catch {
    return null;
  }
}

function readRssMb(pid: number): number | null {
  try {
    const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match ? Number(match[1]) / 1024 : null;
  } catch {
    return null;
  }
}

export interface FinishedProcess extends ProcessUsage {
  readonly wallSeconds: number;
  readonly stdout: string;
  /** Memory through the run, ten samples a second. */
  readonly rssMb: readonly number[];
}

/** Runs to the end; throws with the last lines of stderr when it fails. */
export async function runWatched(
  argv: readonly string[],
  options: { readonly cwd: string; /** Those of an end as it should be; default 0. */ readonly exitCodes?: readonly number[] },
): Promise<FinishedProcess> {
  const [command = '', ...args] = argv;
  const startedMs = performance.now();
  const child: ChildProcess = spawn(command, args, { cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let usage: { cpuSeconds: number | null; peakRssMb: number | null } = { cpuSeconds: null, peakRssMb: null };
  const sample = (): void => {
    const pid = child.pid ?? 0;
    usage = { cpuSeconds: readCpuSeconds(pid) ?? usage.cpuSeconds, peakRssMb: readPeakRssMb(pid) ?? usage.peakRssMb };
  };
  const timer = setInterval(sample, SAMPLE_MS);
  const rssMb: number[] = [];
  const rssTimer = setInterval(() => {
    const rss = readRssMb(child.pid ?? 0);
    if (rss !== null) rssMb.push(rss);
  }, RSS_MS);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => {
    clearInterval(timer);
    clearInterval(rssTimer);
  });
  if (code === null || !(options.exitCodes ?? [0]).includes(code))
    throw new Error(`${argv.join(' ')} ended with ${code}:\n${stderr || stdout}`);
  return { ...usage, wallSeconds: (performance.now() - startedMs) / 1000, stdout, rssMb };
}
