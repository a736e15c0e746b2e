import { describe, expect, it, onTestFinished } from 'vitest';
import { profileConfig } from '../../../src/core/config/config.js';
import { KeystoneError } from '../../../src/core/errors.js';
import { SILENT } from '../../../src/core/logging/logger.js';
import { NO_METRICS } from '../../../src/core/metrics/metrics.js';
import { briefState } from '../../../src/core/resilience/brief-state.js';
import { degradationWatch } from '../../../src/core/resilience/degradation-watch.js';
import { NOT_DEGRADED } from '../../../src/core/resilience/degradation.js';
import { adapterOf, engineService } from '../../../src/core/resilience/guarded-service.js';
import { openBreakers } from '../../../src/core/resilience/open-breakers.js';
import type { StateStore } from '../../../src/core/state/state-store.js';
import { openSqliteState } from '../../../src/core/state/sqlite-state.js';
import { systemEffects } from '../../support/effects.js';
import { tempDir } from '../../support/temp-dir.js';

const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
const storeAway = async (): Promise<never> => Promise.reject(new KeystoneError('KS_STORE', 'S3 is away', { cause: refused }));

async function process(open?: () => Promise<StateStore>) {
  const log: string[] = [];
  const gauges = new Map<string, number>();
  const tell = (event: string, fields: object = {}): void => void log.push(`${event} ${JSON.stringify(fields)}`);
  const effects = {
    ...systemEffects(),
    logger: { ...SILENT, info: tell, warn: tell },
    metrics: { ...NO_METRICS, gauge: (name: string, value: number) => void gauges.set(name, value) },
  };
  const state = await openSqliteState({ path: `${await tempDir()}/state.db`, clock: effects.clock });
  onTestFinished(() => state.close());
  const brief = briefState(open ?? (async () => state), effects.clock);
  const profile = profileConfig.parse({ store: { adapter: 's3' }, catalog: { adapter: 'glue' } });
  const breakers = openBreakers({ profile, effects, state: brief });
  const watch = degradationWatch({ effects, profile, state: brief, isThere: async () => true, own: breakers.ownState });
  return { breakers, watch, state, log, gauges, effects, profile };
}

describe('breakers of a process', () => {
  it('keep engines apart that are asked by name: neither is refused for the other, and no level follows', async () => {
    const { breakers, watch, state, profile } = await process();
    const athena = profileConfig.parse({ ...profile, engine: { adapter: 'athena' } });
    expect(engineService(athena, 'athena')).toBe('engine');
    expect(engineService(athena, 'trino')).toBe('engine.trino');
    expect(adapterOf(athena, 'engine.trino')).toBe('trino');
    const away = async (): Promise<never> => Promise.reject(new KeystoneError('KS_ENGINE', 'away', { cause: refused }));
    const trino = breakers.guard('engine.trino');
    for (let n = 0; n < 5; n++) await expect(trino(away)).rejects.toMatchObject({ code: 'KS_ENGINE' });
    await expect(trino(async () => 'called')).rejects.toMatchObject({ code: 'KS_CIRCUIT_OPEN' });
    expect(await breakers.guard('engine.athena')(async () => 'called')).toBe('called');
    await breakers.settled();
    expect((await state.readBreakers()).map(({ name }) => name)).toContain('engine.trino');
    expect(await watch.now()).toMatchObject({ level: 'full' });
  });

  it('open after five failures; log, gauges, history and the level of degradation tell', async () => {
    const { breakers, watch, state, log, gauges, effects } = await process();
    const guard = breakers.guard('store');
    for (let n = 0; n < 5; n++) await expect(guard(storeAway)).rejects.toMatchObject({ code: 'KS_STORE' });
    await expect(guard(async () => 'called')).rejects.toMatchObject({ code: 'KS_CIRCUIT_OPEN' });
    await breakers.settled();
    expect(await state.listTransitions({ limit: 9 })).toMatchObject([
      {
        subject: 'breaker/store',
        from: 'closed',
        to: 'open',
        detail: { by: effects.processName, cause: 'failures in a row' },
      },
    ]);
    expect(gauges.get('keystone_breaker_state')).toBe(2);
    expect(await watch.now()).toMatchObject({ level: 'buffer-only', causes: ['store is away'] });
    expect(log).toEqual([
      'breaker.opened {"breaker":"store","from":"closed","cause":"failures in a row"}',
      'degradation.changed {"from":"full","to":"buffer-only","mode":"automatic","causes":["store is away"]}',
    ]);
    watch.lookAgain();
    await watch.now();
    expect((await state.listTransitions({ subjectPrefix: 'degradation/', limit: 9 })).map(({ to }) => to)).toEqual([
      'buffer-only',
    ]);
  });

  it('count what fails in their own service alone, and no answers', async () => {
    const { breakers, log } = await process();
    const guard = breakers.guard('catalog');
    const corrupt = async (): Promise<never> => Promise.reject(new KeystoneError('KS_TABLE_CORRUPT', 'damaged'));
    for (let n = 0; n < 12; n++) {
      await expect(guard(storeAway)).rejects.toMatchObject({ code: 'KS_STORE' });
      await expect(guard(corrupt)).rejects.toMatchObject({ code: 'KS_TABLE_CORRUPT' });
    }
    expect(await guard(async () => 'called')).toBe('called');
    expect(log).toEqual([]);
  });

  it('stand before no adapter of this machine', async () => {
    const { breakers } = await process();
    const guard = breakers.guard('log');
    const away = async (): Promise<never> => Promise.reject(new KeystoneError('KS_LOG', 'away', { cause: refused }));
    for (let n = 0; n < 12; n++) await expect(guard(away)).rejects.toMatchObject({ code: 'KS_LOG' });
  });

  it('work on alone while the state store is away, and ask it neither long nor often', async () => {
    let asked = 0;
    const { breakers, watch } = await process(() => {
      asked += 1;
      return new Promise<never>(() => undefined);
    });
    const guard = breakers.guard('store');
    const beganMs = performance.now();
    for (let n = 0; n < 5; n++) await expect(guard(storeAway)).rejects.toMatchObject({ code: 'KS_STORE' });
    await expect(guard(async () => 'called')).rejects.toMatchObject({ code: 'KS_CIRCUIT_OPEN' });
    await breakers.settled();
    expect(await watch.now()).toBeNull();
    expect(performance.now() - beganMs).toBeLessThan(5000);
    expect(asked).toBeLessThanOrEqual(2);
  });

  it('know of no degradation where there is no state store yet, and make none', async () => {
    const { effects, profile } = await process();
    const never = briefState(async () => Promise.reject(new Error('opened')), effects.clock);
    const watch = degradationWatch({ effects, profile, state: never, isThere: async () => false, own: () => null });
    expect(await watch.now()).toBe(NOT_DEGRADED);
  });
});
