import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { giveSigns } from '../../../src/core/consume/signs-of-life.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('gives a sign every few seconds, one at a time, and none once it was stopped', async () => {
  let begun = 0;
  let finish: () => void = () => undefined;
  const signs = giveSigns(() => {
    begun += 1;
    return new Promise((resolve) => (finish = resolve));
  });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(begun).toBe(1);
  finish();
  await vi.advanceTimersByTimeAsync(5000);
  expect(begun).toBe(2);
  // What says how the run ended may only be written behind the last sign.
  let stopped = false;
  const stopping = signs.stop().then(() => (stopped = true));
  await vi.advanceTimersByTimeAsync(10_000);
  expect([begun, stopped]).toEqual([2, false]);
  finish();
  await stopping;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(begun).toBe(2);
});

it('goes on after a sign that could not be written', async () => {
  const write = vi.fn(() => Promise.reject(new Error('the state store is away')));
  const signs = giveSigns(write);
  await vi.advanceTimersByTimeAsync(15_000);
  await signs.stop();
  expect(write).toHaveBeenCalledTimes(3);
});
