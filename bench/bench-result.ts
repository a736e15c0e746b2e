/** What a bench prints: figures of the same run side by side, and ratios between them. */
import os from 'node:os';

export interface BenchRow {
  readonly [column: string]: string | number | null;
}

export interface BenchResult {
  readonly bench: string;
  /** The command that repeats it. */
  readonly command: string;
  readonly machine: string;
  readonly rows: readonly BenchRow[];
  /** Name → factor. */
  readonly ratios: Readonly<Record<string, number>>;
  /** What a reader must know before comparing. */
  readonly notes: readonly string[];
}

export interface BenchOptions {
  /** The checkout. */
  readonly root: string;
  readonly events: number | null;
  /** What is being measured now, for people; not part of the result. */
  readonly say: (text: string) => void;
}

export const machineLine = (): string => {
  const cpus = os.cpus();
  const load = os.loadavg()[0] ?? 0;
  return `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown CPU'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()} ${os.release()}, Node ${process.version}, load ${load.toFixed(1)}`;
};

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
};

export const round = (value: number, digits = 0): number => Number(value.toFixed(digits));

const cell = (value: string | number | null | undefined): string =>
  value === null || value === undefined ? '-' : typeof value === 'number' ? value.toLocaleString('en-US') : value;

/** A table in plain text, numbers to the right. */
export function renderResult(result: BenchResult): string {
  const columns = [...new Set(result.rows.flatMap((row) => Object.keys(row)))];
  const widths = columns.map((column) => Math.max(column.length, ...result.rows.map((row) => cell(row[column]).length)));
  const line = (texts: readonly string[], numeric: (index: number) => boolean): string =>
    texts
      .map((text, index) => (numeric(index) ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0)))
      .join('  ')
      .trimEnd();
  const numericColumn = (index: number): boolean => result.rows.some((row) => typeof row[columns[index] ?? ''] === 'number');
  return [
    line(columns, numericColumn),
    line(
      widths.map((width) => '-'.repeat(width)),
      () => false,
    ),
    ...result.rows.map((row) =>
      line(
        columns.map((column) => cell(row[column])),
        numericColumn,
      ),
    ),
    '',
    ...Object.entries(result.ratios).map(([name, factor]) => `${name}: ${factor}`),
    '',
    ...result.notes.map((note) => `- ${note}`),
    `Machine: ${result.machine}`,
    `Again:   ${result.command}`,
  ].join('\n');
}
