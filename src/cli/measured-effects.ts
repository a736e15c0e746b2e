/** For commands that work on and on: what they do is counted, where `metrics.*` asks for it. */
import type { ResolvedConfig } from '../core/config/config.js';
import type { Effects } from '../core/lakehouse.js';
import type { CommandLog } from './command-log.js';

export interface MeasuredEffects {
  /** Those that were given, and where core counts. */
  readonly effects: Effects;
  /** Where the numbers go, for people. */
  readonly places: readonly string[];
  /** Sends what is gathered; resolves also when that failed. */
  close(): Promise<void>;
}

export interface MeasuredEffectsOptions {
  /** Its JSON lines may be numbers too (`metrics.emf`). */
  readonly journal: CommandLog;
  /** False for a command that ends before anybody would read a page. */
  readonly hasPage: boolean;
}

/** Null where `metrics.*` asks for nothing. @throws KeystoneError KS_PORT_IN_USE, KS_CONFIG. */
export async function measuredEffects(
  config: ResolvedConfig,
  effects: Effects,
  { journal, hasPage }: MeasuredEffectsOptions,
): Promise<MeasuredEffects | null> {
  const { openMetrics } = await import('../core/metrics/open-metrics.js');
  const writeLine = journal.isJson() ? (line: object): void => journal.line({ ...line }) : undefined;
  const opened = await openMetrics(config, effects, { writeLine, hasPage });
  if (!opened) return null;
  const { metrics, places, close } = opened;
  return { effects: { ...effects, metrics }, places, close };
}
