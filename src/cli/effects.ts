/** The real clock, randomness and name of this process: where core's effects come from. */
import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Effects } from '../core/lakehouse.js';

/** `sleep` resolves early, without a throw, when its signal is aborted. */
export function systemEffects(): Effects {
  return {
    clock: {
      nowMs: () => Date.now(),
      sleep: async (ms, signal) => {
        await delay(ms, undefined, signal ? { signal } : undefined).catch(() => undefined);
      },
    },
    randomBytes: (length) => randomBytes(length),
    processName: `${os.hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`,
  };
}
