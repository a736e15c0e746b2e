/** `ingest spool drain`: what dead servers left, into the log, without a server. */
import { KeystoneError } from '../../errors.js';
import type { Lakehouse } from '../../lakehouse.js';
import type { ReportProgress } from '../../progress.js';
import { tellWaiting } from './drain-notice.js';
import { openSpool } from './open-spool.js';
import { spoolStatus, type SlotStatus, type SpoolStatus } from './spool-status.js';

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
  /** Of those, in slots of servers that are at work: they send them themselves. */
  readonly leftToServers: number;
  /** Slots that wait for somebody: nobody sends anything of them. */
  readonly stuck: readonly string[];
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
  const free = eventsOf(before.slots.filter(({ held, blocked }) => !held && !blocked));
  const result = (status: SpoolStatus, drained: number): DrainResult => {
    for (const { slot, problem, mend, notes } of status.slots)
      for (const text of [problem, mend, ...notes]) if (text !== null) warnings.push(`${slot}: ${text}`);
    return {
      topic,
      drained,
      left: status.events - (dryRun ? drained : 0),
      leftToServers: eventsOf(status.slots.filter(({ held, blocked }) => held && !blocked)),
      stuck: status.slots
        .filter(({ held, blocked, events }) => blocked || (!dryRun && !held && events > 0))
        .map(({ slot }) => slot),
      warnings,
      dryRun,
    };
  };
  if (dryRun || free === 0) return result(before, dryRun ? free : 0);

  const spool = await openSpool(lakehouse, { own: false, onMode: () => undefined, onWarning: () => undefined });
  if (!spool) return result(await spoolStatus(lakehouse), 0);
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
  return result(await spoolStatus(lakehouse), total);
}

const eventsOf = (slots: readonly SlotStatus[]): number => slots.reduce((sum, { events }) => sum + events, 0);
