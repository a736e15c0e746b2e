import { describe, expect, it } from 'vitest';
import { KeystoneError } from '../../../src/core/errors.js';
import type { NamedAppends } from '../../../src/core/log/named-appends.js';
import type { Guard } from '../../../src/core/resilience/guard.js';
import { guardedLog } from '../../../src/core/resilience/guarded-log.js';
import { isFailureOf } from '../../../src/core/resilience/guarded-service.js';
import { memoryLog } from '../../support/memory-log.js';
import { namedLog } from '../../support/named-log.js';

function guarded(): {
  readonly log: ReturnType<typeof namedLog>;
  readonly named: NamedAppends;
  failures(): number;
  open(): void;
} {
  const log = namedLog(1);
  let failures = 0;
  let isOpen = false;
  const guard: Guard = async (work) => {
    if (isOpen) throw new KeystoneError('KS_CIRCUIT_OPEN', 'open');
    try {
      return await work();
    } catch (error) {
      if (isFailureOf('log', error)) failures += 1;
      throw error;
    }
  };
  const { named } = guardedLog({ ...memoryLog(), named: log }, guard);
  return { log, named: named!, failures: () => failures, open: () => (isOpen = true) };
}

const record = (text: string) => ({ key: null, value: Buffer.from(text), headers: [] });

describe('named appends behind a breaker', () => {
  it('count a batch that was not answered for as a failure, and still tell what became of each', async () => {
    const { log, named, failures } = guarded();
    const [batch] = await named.cut('t', [record('a')], 10);
    log.weather = 'deaf';
    expect(await named.send('t', [batch!], 10)).toMatchObject([{ kind: 'doubtful' }]);
    expect(failures()).toBe(1);
    log.weather = 'fine';
    expect(await named.send('t', [batch!], 10)).toEqual([{ kind: 'taken', baseOffset: 0 }]);
    log.weather = 'refusing';
    const [refused] = await named.cut('t', [record('b')], 10);
    expect(await named.send('t', [refused!], 10)).toMatchObject([{ kind: 'refused' }]);
    expect(failures()).toBe(1);
  });

  it('send nothing while it is open, and say that nothing was sent', async () => {
    const { log, named, open } = guarded();
    const [batch] = await named.cut('t', [record('a')], 10);
    open();
    expect(await named.send('t', [batch!], 10)).toMatchObject([{ kind: 'unsent', error: { code: 'KS_CIRCUIT_OPEN' } }]);
    await expect(named.cut('t', [record('b')], 10)).rejects.toMatchObject({ code: 'KS_CIRCUIT_OPEN' });
    expect(log.values()).toEqual([[]]);
  });

  it('are not there where the log has none', () => {
    expect(guardedLog(memoryLog(), (work) => work()).named).toBeUndefined();
  });
});
