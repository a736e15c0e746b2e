/**
 * A worker of `ingest serve --workers N`: the entry of a process of its own, started by `worker-processes.ts`. It serves until it is told to
 * stop; when the process that started it is gone, node:cluster ends it at once.
 */
import { isKeystoneError, messageOf } from '../core/errors.js';
import type { IngestTotals } from '../core/ingest/event-intake.js';
import type { WorkerMessage } from '../core/ingest/worker-process.js';
import type { Logger } from '../core/logging/logger.js';
import { systemEffects } from './effects.js';
import { READY, STOP, type WorkerStart } from './worker-processes.js';

const TOTALS_EVERY_MS = 100;

const stop = new AbortController();
// Ctrl-C reaches every process of the terminal: who started this one says what it means.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => stop.abort());

/** Resolves when it has been handed over; nobody may be there any more. */
const tell = (message: WorkerMessage): Promise<void> =>
  new Promise((resolve) => {
    if (!process.connected || process.send === undefined) return resolve();
    process.send(message, () => resolve());
  });

/** Its log is that of the process that started it, with its trace. */
const logger: Logger = {
  debug: (event, fields = {}) => void tell({ kind: 'log', level: 'debug', event, fields }),
  info: (event, fields = {}) => void tell({ kind: 'log', level: 'info', event, fields }),
  warn: (event, fields = {}) => void tell({ kind: 'log', level: 'warn', event, fields }),
  error: (event, fields = {}) => void tell({ kind: 'log', level: 'error', event, fields }),
};

async function serve({ config, orders, isMeasured }: WorkerStart): Promise<void> {
  const [{ openLakehouse }, { runServe }, { forwardedMetrics }] = await Promise.all([
    import('../core/lakehouse.js'),
    import('../core/ingest/run-serve.js'),
    import('../core/metrics/worker-metrics.js'),
  ]);
  const own = systemEffects();
  const metrics = isMeasured ? forwardedMetrics((numbers) => void tell({ kind: 'numbers', numbers }), own.clock) : undefined;
  const lakehouse = openLakehouse(config, { ...own, logger, ...(metrics ? { metrics } : {}) });
  let told: IngestTotals = { accepted: 0, refused: 0 };
  let totalsNow = (): IngestTotals => told;
  const timer = setInterval(() => {
    const totals = totalsNow();
    if (totals.accepted === told.accepted && totals.refused === told.refused) return;
    told = totals;
    void tell({ kind: 'totals', totals });
  }, TOTALS_EVERY_MS);
  try {
    const { accepted, refused } = await runServe(lakehouse, {
      ...orders,
      env: process.env,
      signal: stop.signal,
      onEvent: (event) => void tell({ kind: 'event', event }),
      onServing: (totals) => (totalsNow = totals),
    });
    await metrics?.close();
    await tell({ kind: 'ended', totals: { accepted, refused } });
  } finally {
    clearInterval(timer);
    await lakehouse.close();
  }
}

let serves = false;
process.on('message', (message: WorkerStart | typeof STOP) => {
  if (message === STOP) {
    stop.abort();
    if (!serves) process.exit(0);
    return;
  }
  serves = true;
  serve(message).then(
    () => process.exit(0),
    async (error: unknown) => {
      const failure = isKeystoneError(error)
        ? { code: error.code, hint: error.hint }
        : { code: 'KS_INTERNAL' as const, hint: undefined };
      await tell({ kind: 'failed', message: messageOf(error), ...failure });
      process.exit(1);
    },
  );
});
process.send?.(READY);
