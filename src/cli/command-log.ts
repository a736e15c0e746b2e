/**
 * What a command tells beside its result, on standard error: for people as it stands, or, with `--log-format json`, as one JSON object a
 * line. Core's own log (`Effects.logger`) comes out here too; people see it with --verbose.
 */
import type { JsonLog } from '../core/logging/json-log.js';
import { isAtLeast, type LogLevel } from '../core/logging/log-level.js';
import type { LogFields, Logger } from '../core/logging/logger.js';
import { redactText } from '../core/logging/redaction.js';
import { failureJson, type Failure } from './failure.js';
import type { LogChoice } from './log-choice.js';

export interface CommandLog extends Logger {
  readonly isJson: () => boolean;
  /** What was configured; `facts` stand in every JSON line from now on. */
  configure(choice: LogChoice, facts: LogFields): Promise<void>;
  /** One line for people; in JSON the event `event` with the text as `message`. */
  tell(level: LogLevel, event: string, text: string, fields?: LogFields): void;
  /** In JSON: code, message, hint, causes, details; for people, whose lines `text` are, those. */
  fail(failure: Failure, text: string): void;
  /** In JSON one line, whose members may be objects; nothing for people. */
  say(level: LogLevel, event: string, members: Readonly<Record<string, unknown>>): void;
  /** A JSON line of its own shape; nothing for people. */
  line(members: Readonly<Record<string, unknown>>): void;
}

export interface CommandLogOptions {
  readonly facts: LogFields;
  /** People see core's log too. */
  readonly verbose: boolean;
  readonly nowMs: () => number;
  readonly write: (text: string) => void;
}

export function commandLog(options: CommandLogOptions): CommandLog {
  const { verbose, nowMs, write } = options;
  let json: JsonLog | null = null;
  let least: LogLevel = 'info';
  const say =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}): void => {
      if (json) json[level](event, fields);
      else if (verbose && isAtLeast(level, least)) write(`${textLine(nowMs(), level, event, fields)}\n`);
    };
  return {
    isJson: () => json !== null,
    configure: async (choice, facts) => {
      least = choice.level;
      // Loaded where it is asked for: the commands of people start without it.
      json =
        choice.format === 'json'
          ? (await import('../core/logging/json-log.js')).openJsonLog({
              level: least,
              facts: { ...options.facts, ...facts },
              nowMs,
              write,
            })
          : null;
    },
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    tell: (level, event, text, fields = {}) => {
      if (json) json[level](event, { message: text, ...fields });
      else if (isAtLeast(level, least)) write(`${redactText(text)}\n`);
    },
    fail: (failure, text) => {
      if (!json) return write(`${text}\n`);
      json.say('error', 'command.failed', { ...failureJson(failure) });
    },
    say: (level, event, members) => json?.say(level, event, members),
    line: (members) => json?.line(members),
  };
}

/** `2026-11-21T20:01:02.003Z warn retry.again operation=catalog attempt=2`; texts with blanks are quoted. */
function textLine(nowMs: number, level: LogLevel, event: string, fields: LogFields): string {
  const told = Object.entries(fields).map(([name, value]) => {
    const text = Array.isArray(value) ? value.join(',') : String(value);
    return `${name}=${/[\s"=]/.test(text) ? JSON.stringify(text) : text}`;
  });
  return redactText([new Date(nowMs).toISOString(), level, event, ...told].join(' '));
}
