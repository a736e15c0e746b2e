/** The log of this process's command, on standard error: its name and its trace stand in every JSON line. */
import { newTraceId, traceIdOf } from '../core/logging/trace-context.js';
import { commandLog, type CommandLog } from './command-log.js';
import { systemEffects } from './effects.js';

export interface CommandJournalOptions {
  /** As it was typed, e.g. `ingest serve`. */
  readonly command: string;
  /** What was typed behind it. */
  readonly words: readonly string[];
  /** Called before each line: what progress has drawn has to go. */
  readonly clear: () => void;
}

/** The trace is that of TRACEPARENT, or a new one. */
export const commandJournal = ({ command, words, clear }: CommandJournalOptions): CommandLog =>
  commandLog({
    facts: { command, traceId: traceIdOf(process.env['TRACEPARENT']) ?? newTraceId(systemEffects().randomBytes) },
    verbose: words.some((word) => word === '--verbose' || word.startsWith('--log-level')),
    nowMs: () => Date.now(),
    write: (text) => {
      clear();
      process.stderr.write(text);
    },
  });
