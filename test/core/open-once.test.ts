import { expect, test } from 'vitest';
import { openOnce } from '../../src/core/open-once.js';

test('opens once for all who ask, and closes what was opened last first, each once', async () => {
  const { once, closeFirst, closeLast, close } = openOnce();
  const told: string[] = [];
  const part = (name: string): (() => Promise<string>) =>
    once(
      async () => {
        told.push(`open ${name}`);
        return name;
      },
      async (value) => void told.push(`close ${value}`),
    );
  const [log, state, never] = [part('log'), part('state'), part('never')];
  expect(await Promise.all([log(), log()])).toEqual(['log', 'log']);
  closeLast(async () => void told.push('close files'));
  await state();
  closeFirst(async () => void told.push('close service'));
  await close();
  await close();
  expect(told).toEqual(['open log', 'open state', 'close service', 'close state', 'close log', 'close files']);
  expect(await never()).toBe('never');
  await close();
  expect(told.at(-1)).toBe('close never');
});

test('what failed to open is opened again when it is asked for next, and has nothing to close', async () => {
  const { once, close } = openOnce();
  let tries = 0;
  let closed = 0;
  const service = once(
    async () => {
      tries++;
      if (tries === 1) throw new Error('away');
      return tries;
    },
    async () => void closed++,
  );
  await expect(service()).rejects.toThrow('away');
  await close();
  expect(closed).toBe(0);
  expect(await service()).toBe(2);
  expect(await service()).toBe(2);
  await close();
  expect(closed).toBe(1);
});
