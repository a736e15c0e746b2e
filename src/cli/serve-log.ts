/** The life of `ingest serve` as log lines. */
import type { CommandLog } from './command-log.js';
import { serveText, type ServeEvent } from './serve-text.js';

/**
 * `listening` carries what `--json` tells under the same name, so that who starts a server reads its port from either; `keepWarning` gets
 * what the envelope of `--json` tells in the end.
 */
export function logServing(log: CommandLog, event: ServeEvent, topic: string, keepWarning: (text: string) => void): void {
  const { kind } = event;
  const told = serveText(event, topic);
  if (told.kind === 'warning') keepWarning(told.text);
  // The spool's own line has its numbers.
  if (kind === 'mode') return;
  const level = told.kind === 'warning' ? 'warn' : 'info';
  log.say(level, `ingest.${kind}`, {
    message: told.text,
    ...(told.kind === 'listening' ? { listening: told.facts } : {}),
    ...('pid' in event ? { worker: event.pid } : {}),
    ...(kind === 'workerExited' ? { exit: event.exit, restartMs: event.restartMs } : {}),
  });
}
