import { describe, expect, it } from 'vitest';
import { KeystoneError } from '../../../src/core/errors.js';
import { firstAnswer, type MissedWay, type Way } from '../../../src/core/resilience/fallback.js';

const away = new KeystoneError('KS_ENGINE', 'athena did not answer', {
  cause: Object.assign(new Error(), { code: 'ECONNRESET' }),
});
const answers = (name: string): Way<string> => ({ name, answer: async () => `from ${name}` });
const fails = (name: string, error: unknown): Way<string> => ({
  name,
  answer: async () => {
    throw error;
  },
});

describe('a chain of fallbacks', () => {
  it('is answered by its first way, and asks no other', async () => {
    let asked = 0;
    const second: Way<string> = { name: 'duckdb', answer: async () => `${(asked += 1)}` };
    expect(await firstAnswer([answers('athena'), second])).toEqual({ value: 'from athena', way: 'athena', missed: [] });
    expect(asked).toBe(0);
  });

  it('tells the next way, the log and the answer why the one before did not answer', async () => {
    const told: string[] = [];
    let seen: readonly MissedWay[] = [];
    const cached: Way<string> = { name: 'cached', answer: async (missed) => ((seen = [...missed]), 'old') };
    const open = new KeystoneError('KS_CIRCUIT_OPEN', 'the breaker "store" is open');
    const answer = await firstAnswer([fails('athena', away), fails('duckdb', open), cached], {
      onFallback: (missed, next) => told.push(`${missed.name} → ${next}`),
    });
    expect(answer).toMatchObject({ value: 'old', way: 'cached' });
    expect(answer.missed).toEqual([
      { name: 'athena', error: away },
      { name: 'duckdb', error: open },
    ]);
    expect(seen).toEqual(answer.missed);
    expect(told).toEqual(['athena → duckdb', 'duckdb → cached']);
  });

  it('ends at once at a failure that is an answer', async () => {
    const refused = new KeystoneError('KS_SQL', 'no such column');
    await expect(firstAnswer([fails('athena', refused), answers('duckdb')])).rejects.toBe(refused);
  });

  it('tries no other way once it was stopped', async () => {
    await expect(firstAnswer([fails('athena', away), answers('duckdb')], { signal: AbortSignal.abort() })).rejects.toBe(away);
  });

  it('fails as its last way did and tells what was tried before', async () => {
    const last = new KeystoneError('KS_STORE', 'the bucket is away', { hint: 'keystone doctor' });
    const failure = await firstAnswer([fails('athena', away), fails('duckdb', last)]).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'KS_STORE', hint: 'keystone doctor', cause: last });
    expect(String(failure)).toContain('the bucket is away (tried before: athena: athena did not answer)');
  });
});
