/** Keystone's consumer beside the founding one: what several rounds of each over the same events come to. */
import { median, round, type BenchResult, type BenchRow } from './bench-result.js';
import type { FinishedProcess } from './watched-process.js';

/** `total`: events of one round. Medians of time, the greatest memory. */
export function comparedConsumers(
  keystone: readonly FinishedProcess[],
  founding: readonly FinishedProcess[],
  total: number,
): Pick<BenchResult, 'rows' | 'ratios'> {
  const [ours, theirs] = [figures(keystone, total), figures(founding, total)];
  return {
    rows: [
      row('keystone consume run', 'bronze (raw bytes) + silver (typed) + rejects + account, Iceberg commits', ours),
      row('founding Python consumer', 'silver only (texts), no bronze, no rejects, no account', theirs),
    ],
    ratios: {
      'keystone / python, rows/s (higher is better)': round(ours.rate / theirs.rate, 2),
      'keystone / python, CPU (lower is better)': round(ours.cpu / theirs.cpu, 2),
      'keystone / python, peak RSS (lower is better)': round(ours.rss / theirs.rss, 2),
    },
  };
}

interface Figures {
  readonly rate: number;
  /** Seconds for a million events. */
  readonly cpu: number;
  /** MB */
  readonly rss: number;
}

const figures = (runs: readonly FinishedProcess[], total: number): Figures => ({
  rate: total / median(runs.map((run) => run.wallSeconds)),
  cpu: (median(runs.map((run) => run.cpuSeconds ?? Number.NaN)) / total) * 1e6,
  rss: Math.max(...runs.map((run) => run.peakRssMb ?? Number.NaN)),
});

const row = (consumer: string, writes: string, { rate, cpu, rss }: Figures): BenchRow => ({
  consumer,
  'rows/s': round(rate),
  'CPU s/M': round(cpu, 1),
  'peak RSS MB': round(rss),
  writes,
});
