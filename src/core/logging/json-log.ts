/** Log lines as JSON, one object each: for CloudWatch Logs, Datadog and whoever reads lines. */
import { pino } from 'pino';
import type { LogLevel } from './log-level.js';
import type { LogFields, Logger } from './logger.js';
import { redactValue } from './redaction.js';

export interface JsonLogOptions {
  readonly level: LogLevel;
  /** In every line: command, trace id, profile, worker. */
  readonly facts: LogFields;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Gets whole lines, each with its line end, and keeps them when it returns: the process may end right after. */
  readonly write: (line: string) => void;
}

export interface JsonLog extends Logger {
  /** As the methods of its level; the members may be objects. */
  say(level: LogLevel, event: string, members: Readonly<Record<string, unknown>>): void;
  /** A line that has its own shape, e.g. of the Embedded Metric Format; written at every level. */
  line(members: Readonly<Record<string, unknown>>): void;
}

/** `{"time","level","event",…facts,…fields}`; secrets are taken out of every field. */
export function openJsonLog(options: JsonLogOptions): JsonLog {
  const { level, facts, nowMs, write } = options;
  const log = pino(
    {
      level,
      base: redactValue(facts) as LogFields,
      messageKey: 'event',
      timestamp: () => `,"time":"${new Date(nowMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Written by whoever owns standard error, at once: nothing waits in a buffer when the process ends.
    { write },
  );
  const say: JsonLog['say'] = (of, event, members) => log[of](redactValue(members) as object, event);
  const at =
    (of: LogLevel) =>
    (event: string, fields: LogFields = {}): void =>
      say(of, event, fields);
  return {
    say,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    line: (members) => write(`${JSON.stringify({ ...facts, ...members })}\n`),
  };
}
