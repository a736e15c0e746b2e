/** Real effects for tests: the system clock and system randomness. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Effects } from '../../src/core/lakehouse.js';

export const systemEffects = (processName = `test/${process.pid}`): Effects => ({
  clock: {
    nowMs: () => Date.now(),
    sleep: async (ms, signal) => {
      await delay(ms, undefined, signal ? { signal } : undefined).catch(() => undefined);
    },
  },
  randomBytes: (length) => randomBytes(length),
  processName,
});
