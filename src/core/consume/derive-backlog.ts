/** Derives what bronze holds, step by step, under the builder's lease, and cares for the tables beside it. */
import { addCare, careForTables } from '../care/automatic-care.js';
import type { Lakehouse } from '../lakehouse.js';
import { nextBacklogStep } from '../silver/backlog.js';
import { addCounts, type Derivation } from '../silver/derivation.js';
import { deriveRange } from '../silver/derive-range.js';
import { stepLimits, type BuildProgress } from './build-progress.js';
import type { ConsumeOptions } from './consume-options.js';
import { heldWork } from './held-work.js';
import { consumeTelemetry } from './consume-telemetry.js';

export interface Deriving {
  /** Derives all that bronze holds and the level of degradation allows; false when a faster builder or the signal ended it. */
  deriveAll(): Promise<boolean>;
  /** Whether the level of degradation ended the last `deriveAll` before everything was derived. */
  isHeld(): boolean;
  /** Tells how far the derivation has come. */
  report(): Promise<void>;
}

export function deriving(
  lakehouse: Lakehouse,
  derivation: Derivation,
  options: ConsumeOptions,
  targets: ReadonlyMap<number, number>,
  progress: BuildProgress,
): Deriving {
  const topic = lakehouse.config.profile.log.topic;
  const limits = stepLimits(lakehouse.config.consume);
  const targetEvents = [...targets.values()].reduce((sum, end) => sum + end, 0);
  const report = async (): Promise<void> => {
    const { nextOffsets } = await derivation.tables.dispositions.state();
    const done = [...(nextOffsets.get(topic)?.values() ?? [])].reduce((sum, next) => sum + next, 0);
    const total = options.untilCaughtUp ? { total: Math.max(targetEvents, done) } : {};
    options.onProgress?.({ phase: topic, done, ...total, unit: 'events' });
  };

  const telemetry = consumeTelemetry(lakehouse);
  const held = heldWork(lakehouse, options);
  let isHeld = false;
  let derivedSinceCare = 0;
  const careIfDue = async (): Promise<void> => {
    const { care } = lakehouse.config;
    if (!care.automatic || ++derivedSinceCare < care.everyCommits || (await held.care())) return;
    derivedSinceCare = 0;
    const { bronze, error, quarantine, dispositions, silver } = derivation.tables;
    const begunMs = derivation.clock.nowMs();
    const done = await careForTables(derivation.session, [bronze, error, quarantine, dispositions, ...silver.values()], {
      care,
      clock: derivation.clock,
      randomBytes: derivation.randomBytes,
      signal: options.signal,
      onNotice: (text) => options.onNotice?.(text),
    });
    progress.care = addCare(progress.care, done);
    telemetry.cared(done, (derivation.clock.nowMs() - begunMs) / 1000);
  };

  return {
    report,
    isHeld: () => isHeld,
    deriveAll: async () => {
      for (;;) {
        isHeld = await held.derivation();
        if (isHeld) return true;
        const step = await nextBacklogStep(derivation, topic, limits);
        if (!step) return true;
        const begunMs = derivation.clock.nowMs();
        const outcome = await deriveRange(derivation, step.range, step.mode);
        if (outcome.kind === 'lost') {
          telemetry.lost('derive', `${outcome.table}: ${outcome.reason}`);
          options.onNotice?.(`${outcome.table}: ${outcome.reason}; starting again from the tables`);
          return false;
        }
        progress.derived = addCounts(progress.derived, outcome.counts);
        telemetry.derived(outcome.counts, (derivation.clock.nowMs() - begunMs) / 1000);
        await report();
        await careIfDue();
        if (options.signal.aborted) return false;
      }
    },
  };
}
