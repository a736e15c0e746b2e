/**
 * Port: what a process tells about its work while it works (command line: pino, as text or JSON lines on standard error). Never
 * payloads, never secrets: fields are names, counts, places and ids.
 */

export type LogValue = string | number | boolean | null | readonly string[];
export type LogFields = Readonly<Record<string, LogValue>>;

/** `event` is a stable name in words and dots, e.g. `retry.again`, `breaker.opened`; what varies is in the fields. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** For core functions whose caller wants to hear nothing. */
export const SILENT: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
