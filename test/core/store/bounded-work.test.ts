import { expect, it } from 'vitest';
import { bounded } from '../../../src/core/store/bounded-work.js';

it('runs so many at once, in order, also after failures', async () => {
  const run = bounded(3);
  const began: number[] = [];
  let inside = 0;
  let most = 0;
  const work = (n: number) => async (): Promise<number> => {
    began.push(n);
    most = Math.max(most, ++inside);
    await new Promise((wake) => setTimeout(wake, 1));
    inside--;
    if (n % 4 === 0) throw new Error(String(n));
    return n;
  };
  const results = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => run(work(n))));
  expect(most).toBe(3);
  expect(began).toEqual(Array.from({ length: 20 }, (_, n) => n));
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(5);
  expect(await run(async () => 'free again')).toBe('free again');
});
