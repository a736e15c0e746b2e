/**
 * What the ingest server says of its health, in the words of each door: the level of degradation, and where accepted events go. It is
 * told from what is known already: a health check waits for no service.
 */
import { KeystoneError } from '../errors.js';
import type { EventLog } from '../log/event-log.js';
import type { Health } from './http/http-shapes.js';
import type { ServingLevel } from './serving-level.js';
import type { SpoolState } from './spool/spool-mode.js';

export interface ServingHealth {
  /** For gRPC: the metadata of answers to health checks, e.g. `keystone-degradation: full`. */
  facts(): Readonly<Record<string, string>>;
  /** For HTTP: what `/healthz` answers. */
  page(): Health;
  /** Resolves when an event could be kept now, rejects with what keeps it from it; asks the log where no spool stands before it. */
  checkLog(): Promise<unknown>;
}

export interface ServingHealthOptions {
  readonly log: EventLog;
  readonly topic: string;
  /** Absent: events go to the log or are refused, and health says nothing of it. */
  readonly spool?: { readonly state: () => SpoolState } | undefined;
  /** Absent: health says nothing of it. */
  readonly level?: (() => ServingLevel) | undefined;
}

export function servingHealth({ log, topic, spool, level }: ServingHealthOptions): ServingHealth {
  return {
    facts: () => ({
      ...(level ? { 'keystone-degradation': level().level } : {}),
      ...(spool ? { 'keystone-ingest-mode': spool.state().mode } : {}),
    }),
    page: () => ({
      status: 'ok',
      ...(level ? { degradation: healthOfLevel(level()) } : {}),
      ...(spool ? { spool: healthOfSpool(spool.state()) } : {}),
    }),
    checkLog: spool ? async () => checkSpool(spool.state()) : () => log.bounds(topic),
  };
}

/** Events can be kept as long as the spool has room. */
function checkSpool({ mode, problem, bytes }: SpoolState): void {
  if (mode === 'full') throw new KeystoneError('KS_LIMIT', `the spool is full with ${bytes} bytes (${problem ?? 'it drains'})`);
}

const healthOfSpool = ({ mode, sinceMs, events, bytes, oldestMs, problem }: SpoolState): NonNullable<Health['spool']> => ({
  mode,
  since: new Date(sinceMs).toISOString(),
  events,
  bytes,
  oldest: oldestMs === null ? null : new Date(oldestMs).toISOString(),
  problem,
});

const healthOfLevel = ({ level, mode, away }: ServingLevel): NonNullable<Health['degradation']> => ({
  level,
  mode,
  away: [...away],
});
