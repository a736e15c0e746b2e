/** Workers as processes of node:cluster: they share the ports that the first of them asks for, and end with the process that started them. */
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { ResolvedConfig } from '../core/config/config.js';
import type { RunServeOptions } from '../core/ingest/run-serve.js';
import type { ServeWorkersResult, SuperviseOptions } from '../core/ingest/supervise-workers.js';
import type { StartWorker, WorkerMessage, WorkerOrders } from '../core/ingest/worker-process.js';
import type { Lakehouse } from '../core/lakehouse.js';

/** What a worker is sent first. */
export interface WorkerStart {
  readonly config: ResolvedConfig;
  readonly orders: WorkerOrders;
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

function workerProcesses(config: ResolvedConfig, workers: number): StartWorker {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({ exec: fileURLToPath(new URL('./serve-worker.js', import.meta.url)), args: [] });
  const share = shareOf(config, workers);
  return (orders, on) => {
    const worker = cluster.fork();
    const start: WorkerStart = { config: share, orders };
    // One that dies while it is written to is told of by its exit.
    worker.on('error', () => undefined);
    // What is sent before it listens would be lost: it asks.
    worker.on('message', (message: WorkerMessage | typeof READY) => {
      if (message === READY) worker.send(start);
      else on.message(message);
    });
    worker.once('exit', (code: number | null, signal: string | null) => on.exit({ code: signal === null ? code : null, signal }));
    return {
      pid: worker.process.pid ?? 0,
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
  const [{ checkServe }, { superviseWorkers }] = await Promise.all([
    import('../core/ingest/run-serve.js'),
    import('../core/ingest/supervise-workers.js'),
  ]);
  const { topic } = await checkServe(lakehouse, options);
  const { workers, signal, onEvent, env: _, ...orders } = options;
  const startWorker = workerProcesses(lakehouse.config, workers);
  return superviseWorkers({ workers, signal, onEvent, orders, topic, startWorker, clock: lakehouse.effects.clock });
}
