/** Runs `bin/run.js` and tells on standard error what it took: seconds, and peak memory where /proc has it. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { startCli } from '../support/cli-process.js';

const SAMPLE_MS = 50;
/** No command may need more, whatever the files' size. */
const MAX_RSS_MB = 1000;

/** Peak resident memory of a live process in megabytes (10^6), null where it cannot be had. */
function readPeakRssMb(pid: number): number | null {
  try {
    const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match ? (Number(match[1]) * 1024) / 1e6 : null;
  } catch {
    return null;
  }
}

export const tell = (text: string): void => void process.stderr.write(`${text}\n`);

export interface MeasuredEnd<Result> {
  /** What `--json` printed as `result`. */
  readonly result: Result;
  readonly warnings: readonly string[];
  readonly seconds: number;
  readonly peakRssMb: number | null;
}

export interface MeasuredOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly exitCode?: number;
}

/** Runs the command with `--json`; fails the test on another exit code than 0, or when more than 1,000 MB were resident. */
export async function measured<Result>(
  args: readonly string[],
  { cwd, env = {}, exitCode = 0 }: MeasuredOptions,
): Promise<MeasuredEnd<Result>> {
  const startedMs = performance.now();
  const { child, ended } = startCli([...args, '--json'], { cwd, env });
  let peakRssMb: number | null = null;
  const timer = setInterval(
    () => (peakRssMb = (child.pid === undefined ? null : readPeakRssMb(child.pid)) ?? peakRssMb),
    SAMPLE_MS,
  );
  const { code, stdout, stderr } = await ended.finally(() => clearInterval(timer));
  const seconds = (performance.now() - startedMs) / 1000;
  const shown = args.map((arg) => (arg.length > 60 ? `${arg.slice(0, 57)}…` : arg)).join(' ');
  tell(`  keystone ${shown}: ${seconds.toFixed(1)} s, peak ${peakRssMb === null ? '?' : Math.round(peakRssMb)} MB`);
  expect(code, `keystone ${args.join(' ')} ended with ${code}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`).toBe(exitCode);
  expect(peakRssMb ?? 0, `megabytes resident in keystone ${shown}`).toBeLessThan(MAX_RSS_MB);
  const { result, warnings } = JSON.parse(stdout) as { result: Result; warnings: readonly string[] };
  return { result, warnings, seconds, peakRssMb };
}
