/** Workers as processes of node:cluster: they share the ports that the first of them asks for, and end with the process that started them. */
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { ResolvedConfig } from '../core/config/config.js';
import type { RunServeOptions } from '../core/ingest/run-serve.js';
import type { ServeWorkersResult, SuperviseOptions } from '../core/ingest/supervise-workers.js';
import type { StartWorker, WorkerMessage, WorkerOrders } from '../core/ingest/worker-process.js';
import type { Effects, Lakehouse } from '../core/lakehouse.js';
import type { WorkerCollector } from '../core/metrics/worker-metrics.js';

/** What a worker is sent first. */
export interface WorkerStart {
  readonly config: ResolvedConfig;
  readonly orders: WorkerOrders;
  /** Whether somebody wants to know what it counts. */
  readonly isMeasured: boolean;
}

/** What it tells when it can be sent something. */
export const READY = 'ready';
/** What it is sent when it has to end. */
export const STOP = 'stop';

/** Bounds over all clients are shared out; what one client may do counts in each worker that it is connected to. */
const shareOf = (config: ResolvedConfig, workers: number): ResolvedConfig => {
  const { ingest } = config;
  return {
    ...config,
    ingest: {
      ...ingest,
      maxInFlight: Math.ceil(ingest.maxInFlight / workers),
      spool: { ...ingest.spool, maxSize: Math.ceil(ingest.spool.maxSize / workers) },
      limits: { ...ingest.limits, connections: Math.ceil(ingest.limits.connections / workers) },
    },
  };
};

function workerProcesses(
  config: ResolvedConfig,
  workers: number,
  { logger }: Effects,
  collector: WorkerCollector | undefined,
): StartWorker {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({ exec: fileURLToPath(new URL('./serve-worker.js', import.meta.url)), args: [] });
  const share = shareOf(config, workers);
  return (orders, on) => {
    const worker = cluster.fork();
    const start: WorkerStart = { config: share, orders, isMeasured: collector !== undefined };
    const pid = worker.process.pid ?? 0;
    // One that dies while it is written to is told of by its exit.
    worker.on('error', () => undefined);
    // What is sent before it listens would be lost: it asks.
    worker.on('message', (message: WorkerMessage | typeof READY) => {
      if (message === READY) worker.send(start);
      else if (message.kind === 'log') logger?.[message.level](message.event, { ...message.fields, worker: pid });
      else if (message.kind === 'numbers') collector?.take(pid, message.numbers);
      else on.message(message);
    });
    worker.once('exit', (code: number | null, signal: string | null) => {
      collector?.gone(pid);
      on.exit({ code: signal === null ? code : null, signal });
    });
    return {
      pid,
      stop: () => void (worker.isConnected() ? worker.send(STOP) : worker.process.kill('SIGTERM')),
      kill: () => void worker.process.kill('SIGKILL'),
    };
  };
}

/** `ingest serve` by several workers: checks first what all of them need, so that it is told once. */
export async function serveByWorkers(
  lakehouse: Lakehouse,
  options: RunServeOptions & Pick<SuperviseOptions, 'workers' | 'signal' | 'onEvent'>,
): Promise<ServeWorkersResult> {
  const [{ checkServe }, { superviseWorkers }, { workerCollector }] = await Promise.all([
    import('../core/ingest/run-serve.js'),
    import('../core/ingest/supervise-workers.js'),
    import('../core/metrics/worker-metrics.js'),
  ]);
  const { topic } = await checkServe(lakehouse, options);
  const { workers, signal, onEvent, env: _, ...orders } = options;
  const { effects } = lakehouse;
  const collector = effects.metrics && workerCollector(effects.metrics);
  const startWorker = workerProcesses(lakehouse.config, workers, effects, collector);
  return superviseWorkers({ workers, signal, onEvent, orders, topic, startWorker, clock: lakehouse.effects.clock });
}
