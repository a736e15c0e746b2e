/** Progress on standard error: one line redrawn on a terminal, a JSON line every few seconds elsewhere. */
import type { Progress, ReportProgress } from '../core/progress.js';

export interface ProgressSink {
  readonly write: (text: string) => unknown;
  readonly terminal: boolean;
  /** Columns of the terminal. */
  readonly widthColumns: number;
  readonly nowMs: () => number;
  /** Takes what else would be written as a line; absent: it is written. */
  readonly tell?: (progress: Progress, elapsedMs: number) => void;
}

export interface ProgressReporter {
  readonly report: ReportProgress;
  /** Wipes the line, so that other text can be printed. */
  readonly clear: () => void;
}

const REDRAW_EVERY_MS = 100;
/** Work that ends sooner prints no JSON line at all. */
const LINE_EVERY_MS = 5000;
const BAR_CELLS = 20;

export const silentProgress: ProgressReporter = { report: () => undefined, clear: () => undefined };

export function progressReporter(sink: ProgressSink): ProgressReporter {
  let drawn = false;
  let phase: string | undefined;
  let phaseSinceMs = sink.nowMs();
  /** What was done before the phase: a second file, or a run that goes on where another stopped, counts on from there. */
  let phaseFrom = 0;
  let lastMs = sink.terminal ? 0 : sink.nowMs();
  const clear = (): void => {
    if (drawn) sink.write('\r\u001B[2K');
    drawn = false;
  };
  const report: ReportProgress = (progress) => {
    const nowMs = sink.nowMs();
    if (progress.phase !== phase) {
      phase = progress.phase;
      phaseSinceMs = nowMs;
      phaseFrom = progress.done;
    }
    if (nowMs - lastMs < (sink.terminal ? REDRAW_EVERY_MS : LINE_EVERY_MS)) return;
    lastMs = nowMs;
    if (sink.tell) return sink.tell(progress, nowMs - phaseSinceMs);
    if (!sink.terminal) {
      sink.write(`${JSON.stringify({ progress, elapsedMs: nowMs - phaseSinceMs })}\n`);
      return;
    }
    const line = progressLine(progress, nowMs - phaseSinceMs, phaseFrom);
    sink.write(`\r\u001B[2K${line.slice(0, Math.max(10, sink.widthColumns - 1))}`);
    drawn = true;
  };
  return { report, clear };
}

/** `orders.csv ████████░░░░ 42,000 of 99,441 rows (42 %), 12,300 rows/s`; the rate is that of what was done since `doneBefore`. */
export function progressLine({ phase, done, total, unit }: Progress, elapsedMs: number, doneBefore = 0): string {
  const since = done - doneBefore;
  const rate = elapsedMs >= 1000 && since > 0 ? `, ${count(Math.round((since * 1000) / elapsedMs))} ${unit}/s` : '';
  if (total === undefined || total <= 0) return `${phase}  ${count(done)} ${unit}${rate}`;
  const share = Math.min(1, done / total);
  const full = Math.round(share * BAR_CELLS);
  const bar = '█'.repeat(full) + '░'.repeat(BAR_CELLS - full);
  return `${phase}  ${bar}  ${count(done)} of ${count(total)} ${unit} (${Math.floor(share * 100)} %)${rate}`;
}

const count = (value: number): string => value.toLocaleString('en-US');
