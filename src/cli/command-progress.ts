/** The progress of this process's command: on standard error, or lines of its log where that is JSON. */
import type { CommandLog } from './command-log.js';
import { progressReporter, type ProgressReporter } from './progress-reporter.js';

/** Asked on first use, when the log's format is known. */
export const commandProgress = (journal: CommandLog): ProgressReporter =>
  progressReporter({
    write: (text) => process.stderr.write(text),
    terminal: process.stderr.isTTY === true,
    widthColumns: process.stderr.columns ?? 80,
    nowMs: () => Date.now(),
    ...(journal.isJson() ? { tell: (progress, elapsedMs) => journal.info('command.progress', { ...progress, elapsedMs }) } : {}),
  });
