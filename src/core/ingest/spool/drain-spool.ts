/** `ingest spool drain`: what dead servers left, into the log, without a server. */
import { KeystoneError } from '../../errors.js';
import type { Lakehouse } from '../../lakehouse.js';
import type { ReportProgress } from '../../progress.js';
import { tellWaiting } from './drain-notice.js';
import { openSpool } from './open-spool.js';
import { spoolStatus } from './spool-status.js';

export interface DrainOptions {
  /** Tell what would be drained, and drain nothing. */
  readonly dryRun: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
  /** Told what is waited for. */
  readonly onNotice?: (text: string) => void;
}

export interface DrainResult {
  readonly topic: string;
  /** Events that are in the log now. */
  readonly drained: number;
  /** Events that still wait: in slots of servers that are at work, or damaged. */
  readonly left: number;
  readonly warnings: readonly string[];
  readonly dryRun: boolean;
}

const LOOK_MS = 100;

/** @throws KeystoneError KS_LOG when the log is away for longer than `resilience.patience`, or refuses; KS_INTERRUPTED when stopped. */
export async function drainSpool(
  lakehouse: Lakehouse,
  { dryRun, progress, signal, onNotice }: DrainOptions,
): Promise<DrainResult> {
  const { config, effects } = lakehouse;
  const { topic } = config.profile.log;
  const warnings: string[] = [];
  const before = await spoolStatus(lakehouse);
  for (const { slot, problem } of before.slots) if (problem !== null) warnings.push(`${slot}: ${problem}`);
  const free = before.slots.filter(({ held, blocked }) => !held && !blocked).reduce((sum, { events }) => sum + events, 0);
  const heldEvents = before.slots.filter(({ held }) => held).reduce((sum, { events }) => sum + events, 0);
  if (heldEvents > 0) warnings.push(`${heldEvents} events wait in slots of servers that are at work; they drain them themselves`);
  if (dryRun || free === 0)
    return { topic, drained: dryRun ? free : 0, left: before.events - (dryRun ? free : 0), warnings, dryRun };

  const spool = await openSpool(lakehouse, { own: false, onMode: () => undefined, onWarning: () => undefined });
  if (!spool) return { topic, drained: 0, left: before.events, warnings, dryRun };
  const total = spool.state().events;
  let aliveMs = effects.clock.nowMs();
  let waiting = total;
  const look = tellWaiting(effects.clock, (text) => onNotice?.(text));
  try {
    for (;;) {
      const state = spool.state();
      const { events, mode, problem } = state;
      look(state);
      if (events < waiting) aliveMs = effects.clock.nowMs();
      waiting = events;
      progress({ phase: `draining the spool of ${topic}`, done: total - events, total, unit: 'events' });
      if (events === 0 && mode === 'log') break;
      if (signal.aborted)
        throw new KeystoneError('KS_INTERRUPTED', `stopped with ${events} events in the spool, ${total - events} drained`, {
          hint: 'keystone ingest spool drain',
        });
      if (effects.clock.nowMs() - aliveMs >= config.resilience.patience)
        throw new KeystoneError(
          'KS_LOG',
          `the log takes nothing: ${problem ?? 'it does not answer'}; ${events} events wait in the spool`,
          {
            hint: 'bring the log back (keystone doctor), then: keystone ingest spool drain',
          },
        );
      await effects.clock.sleep(LOOK_MS, signal);
    }
  } finally {
    await spool.close();
  }
  const after = await spoolStatus(lakehouse);
  return { topic, drained: total, left: after.events, warnings, dryRun };
}
