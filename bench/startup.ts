/** What it costs to start: bare node against `keystone --version` and `--help`, interleaved so that a busy machine hits all alike. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { machineLine, median, round, type BenchOptions, type BenchResult } from './bench-result.js';

const RUNS = 11;

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** User and system CPU of one process, by the shell's `time`: Node does not report it for children. */
function timeProcess(argv: readonly string[]): Cost {
  const { status, stderr } = spawnSync(
    'bash',
    ['-c', 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>/dev/null', 'bash', ...argv],
    {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', NO_COLOR: '1' },
    },
  );
  const [wall, user, system] = stderr.trim().split(/\s+/).map(Number);
  if (status !== 0 || wall === undefined || user === undefined || system === undefined)
    throw new Error(`${argv.join(' ')} failed: ${stderr}`);
  return { wallMs: wall * 1000, cpuMs: (user + system) * 1000 };
}

export async function benchStartup({ root, say }: BenchOptions): Promise<BenchResult> {
  const bin = path.join(root, 'bin/run.js');
  const programs = [
    { name: 'node -e 0', argv: [process.execPath, '-e', '0'] },
    { name: 'keystone --version', argv: [process.execPath, bin, '--version'] },
    { name: 'keystone --help', argv: [process.execPath, bin, '--help'] },
    { name: 'keystone query --help', argv: [process.execPath, bin, 'query', '--help'] },
  ];
  // The first round fills the disk cache and is thrown away.
  const costs = programs.map((): Cost[] => []);
  for (let run = 0; run <= RUNS; run++) {
    say(`round ${run} of ${RUNS}`);
    programs.forEach(({ argv }, index) => {
      const cost = timeProcess(argv);
      if (run > 0) costs[index]?.push(cost);
    });
  }
  const medians = costs.map((runs) => ({
    cpuMs: median(runs.map((run) => run.cpuMs)),
    wallMs: median(runs.map((run) => run.wallMs)),
  }));
  const bare = medians[0] ?? { cpuMs: Number.NaN, wallMs: Number.NaN };
  const ratio = (index: number): number => round((medians[index]?.cpuMs ?? Number.NaN) / bare.cpuMs, 2);
  return {
    bench: 'startup',
    command: 'npm run bench -- startup',
    machine: machineLine(),
    rows: programs.map(({ name }, index) => ({
      program: name,
      'CPU ms': round(medians[index]?.cpuMs ?? Number.NaN),
      'wall ms': round(medians[index]?.wallMs ?? Number.NaN),
      'CPU × node': ratio(index),
    })),
    ratios: {
      'keystone --version / node -e 0, CPU (promise: at most 5)': ratio(1),
      'keystone --help / node -e 0, CPU': ratio(2),
    },
    notes: [`medians of ${RUNS} interleaved runs`],
  };
}
