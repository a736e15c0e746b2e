/** The real clock, randomness and name of this process: where core's effects come from. */
import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import type { Effects } from '../core/lakehouse.js';

/** Bytes; a full collection takes a tenth of a second or more. */
const HEAP_WORTH_COLLECTING = 160_000_000;

let collector: (() => void) | undefined;

/** V8's collector, without asking the user to start node with --expose-gc. */
function exposedCollector(): () => void {
  v8.setFlagsFromString('--expose-gc');
  return vm.runInNewContext('gc') as () => void;
}

/** `sleep` resolves early, without a throw, when its signal is aborted. */
export function systemEffects(): Effects {
  // What runs where is ours to say (package.json, doctor); the AWS SDK would print its advice into every command's output.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  return {
    clock: {
      nowMs: () => Date.now(),
      sleep: async (ms, signal) => {
        await delay(ms, undefined, signal ? { signal } : undefined).catch(() => undefined);
      },
    },
    randomBytes: (length) => randomBytes(length),
    collectGarbage: () => {
      if (v8.getHeapStatistics().used_heap_size < HEAP_WORTH_COLLECTING) return;
      collector ??= exposedCollector();
      collector();
    },
    processName: `${os.hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`,
    env: process.env,
  };
}
