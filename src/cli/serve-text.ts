/** How `ingest serve` tells what happens while it serves. */
import type { IngestServerEvent } from '../core/ingest/ingest-server-event.js';
import type { ServingLevel } from '../core/ingest/serving-level.js';
import type { SpoolState } from '../core/ingest/spool/spool-mode.js';
import type { WorkersEvent } from '../core/ingest/supervise-workers.js';

export type ServeEvent = IngestServerEvent | WorkersEvent;

export type ServeTold =
  | { readonly kind: 'listening'; readonly text: string; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly kind: 'said'; readonly text: string }
  | { readonly kind: 'warning'; readonly text: string };

/** A change of where events go, or of the level, for programs. */
export function changeFacts(event: Extract<ServeEvent, { kind: 'mode' | 'degradation' }>): Readonly<Record<string, unknown>> {
  if (event.kind === 'mode') return { ingest: { ...event.state, degradation: event.level } };
  const { from, to, causes } = event;
  return { degradation: { from, to, causes } };
}

/** Null: nothing to tell. */
export function serveText(event: ServeEvent, topic: string): ServeTold {
  const said = (text: string): ServeTold => ({ kind: 'said', text });
  const warning = (text: string): ServeTold => ({ kind: 'warning', text });
  switch (event.kind) {
    case 'listening': {
      const { address, httpAddress } = event;
      const pids = 'pids' in event ? event.pids : null;
      const http = httpAddress === null ? '' : ` HTTP on ${httpAddress}.`;
      const workers = pids === null ? '' : ` ${pids.length} workers.`;
      return {
        kind: 'listening',
        text: `Listening on ${address}, topic ${topic}.${http}${workers} Ctrl-C drains and stops.`,
        facts: { address, httpAddress, topic, ...(pids === null ? {} : { pids }) },
      };
    }
    case 'appendFailed':
      return warning(`events were refused: the log did not take them: ${event.message}`);
    case 'warning':
      return warning(event.message);
    case 'certificate':
      if (event.problem === null) return said('The renewed certificate is in use.');
      return warning(`the old certificate stays in use: ${event.problem}`);
    case 'mode': {
      const text = `${modeText(event.state)}${levelText(event.level)}`;
      return event.state.mode === 'spooling' || event.state.mode === 'full' ? warning(text) : said(text);
    }
    case 'degradation': {
      const { from, to, causes } = event;
      const why = causes.length === 0 ? '' : `: ${causes.join('; ')}`;
      if (to === 'full') return said(`The level of degradation is full again (it was ${from}): nothing is put off.`);
      return warning(`the level of degradation is ${to} (it was ${from})${why}; events are taken all the same`);
    }
    case 'leftInSpool':
      return warning(
        `${event.events} accepted events wait in the spool for the log; the next keystone ingest serve takes them up, or: keystone ingest spool drain`,
      );
    case 'draining':
      return said('Draining.');
    case 'workerStarted':
      return said(`Worker ${event.pid} serves.`);
    case 'workerExited': {
      const { pid, exit, restartMs } = event;
      return warning(`worker ${pid} ended (${exit.signal ?? `code ${exit.code}`}); another starts in ${restartMs} ms`);
    }
  }
}

/** Only where it says something. */
const levelText = (level: ServingLevel['level']): string =>
  level === 'full' || level === 'unknown' ? '' : ` (level of degradation: ${level})`;

/** `since` is told by whoever writes the line. */
function modeText({ mode, events, bytes, problem }: SpoolState): string {
  const waiting = `${events} events (${bytes} bytes) wait`;
  const why = problem === null ? '' : `: ${problem}`;
  switch (mode) {
    case 'log':
      return 'Events go straight into the log.';
    case 'spooling':
      return `the log is away, events are kept in the spool; ${waiting}${why}`;
    case 'draining':
      return `The log is back, the spool drains; ${waiting}.`;
    case 'full':
      return `the spool takes no more, events are refused; ${waiting}${why}`;
  }
}
