/**
 * `ingest serve --workers N`: N processes behind one port, looked after by the one that was started. A worker that dies is replaced, after
 * a wait that grows while it keeps dying; the signal drains all of them; what they acknowledged is summed up.
 *
 * Nothing that was acknowledged depends on a worker: it is in the log. What a killed worker had not answered is sent again by its client.
 */
import type { Clock } from '../clock.js';
import { KeystoneError } from '../errors.js';
import type { IngestTotals } from './event-intake.js';
import type { IngestServerEvent } from './ingest-server-event.js';
import type { RunServeResult } from './run-serve.js';
import type { StartWorker, WorkerExit, WorkerOrders, WorkerProcess } from './worker-process.js';

export type WorkersEvent =
  | Exclude<IngestServerEvent, { kind: 'listening' }>
  | {
      readonly kind: 'listening';
      readonly address: string;
      readonly httpAddress: string | null;
      readonly pids: readonly number[];
    }
  | { readonly kind: 'workerExited'; readonly pid: number; readonly exit: WorkerExit; readonly restartMs: number }
  | { readonly kind: 'workerStarted'; readonly pid: number };

/** One process that served, and how it ended. */
export interface WorkerResult extends IngestTotals, WorkerExit {
  readonly pid: number;
  /** False: it was killed, and may have acknowledged more than it could tell. */
  readonly isExact: boolean;
}

export interface ServeWorkersResult extends RunServeResult {
  /** The newest thousand, the last to end last. */
  readonly workers: readonly WorkerResult[];
}

export interface SuperviseOptions {
  readonly workers: number;
  readonly orders: WorkerOrders;
  readonly topic: string;
  readonly startWorker: StartWorker;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onEvent: (event: WorkersEvent) => void;
}

const FIRST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 10_000;
/** Who has served this long did not die of how it was started. */
const STEADY_MS = 60_000;
/** A worker's own drain takes ten seconds at most. */
const STOP_PATIENCE_MS = 15_000;
const WORKERS_TOLD = 1000;

interface Slot {
  readonly index: number;
  restartMs: number;
  worker: WorkerProcess | null;
  /** How the last one ended, until there is a next. */
  diedAs: WorkerResult | null;
}

type Listening = Extract<IngestServerEvent, { kind: 'listening' }>;

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

/**
 * Resolves when all have drained and ended.
 * @throws KeystoneError what kept the first workers from serving: KS_PORT_IN_USE, KS_USAGE, KS_CONFIG, KS_LOG, KS_CONTRACT.
 */
export async function superviseWorkers(options: SuperviseOptions): Promise<ServeWorkersResult> {
  const { clock, signal, onEvent } = options;
  const slots: readonly Slot[] = Array.from({ length: options.workers }, (_, index) => ({
    index,
    restartMs: FIRST_RESTART_MS,
    worker: null,
    diedAs: null,
  }));
  const results: WorkerResult[] = [];
  const sum = { accepted: 0, refused: 0 };
  /** Of the first start, and of restarts that wait. */
  const over = new AbortController();
  let bound: Listening | null = null;
  let isUp = false;
  const exits = new Set<Promise<void>>();

  /** Shared ports go with their last worker: then they are asked for by number, while others hold them as they were asked for first. */
  const ordersNow = (): WorkerOrders => {
    if (bound === null || slots.some(({ worker }) => worker !== null)) return options.orders;
    const { address, httpAddress } = bound;
    return { ...options.orders, port: portOf(address), httpPort: httpAddress === null ? undefined : portOf(httpAddress) };
  };

  const onEventOf = ({ index }: Slot, event: IngestServerEvent): void => {
    if (event.kind === 'listening' || event.kind === 'draining') return;
    // Each worker reads the same certificates and sees the same level: one of them tells.
    if (event.kind === 'degradation' && index > 0) return;
    if ((event.kind === 'certificate' || event.kind === 'warning') && (index > 0 || (isUp && event.kind === 'warning'))) return;
    onEvent(event);
  };

  /** Resolves once it listens; rejects when it ends before. */
  const start = (slot: Slot): Promise<Listening> =>
    new Promise((resolve, reject) => {
      let totals: IngestTotals = { accepted: 0, refused: 0 };
      let hasEnded = false;
      let failure: Error | undefined;
      const startedMs = clock.nowMs();
      let setExited: () => void = () => undefined;
      const exited = new Promise<void>((ended) => (setExited = ended));
      exits.add(exited);
      const worker = options.startWorker(ordersNow(), {
        message: (message) => {
          if (message.kind === 'totals' || message.kind === 'ended') totals = message.totals;
          if (message.kind === 'ended') hasEnded = true;
          if (message.kind === 'failed') {
            failure = new KeystoneError(message.code, message.message, message.hint === undefined ? {} : { hint: message.hint });
          }
          if (message.kind !== 'event') return;
          if (message.event.kind === 'listening') resolve(message.event);
          onEventOf(slot, message.event);
        },
        exit: (exit) => {
          slot.worker = null;
          sum.accepted += totals.accepted;
          sum.refused += totals.refused;
          slot.diedAs = { pid: worker.pid, ...totals, ...exit, isExact: hasEnded };
          results.push(slot.diedAs);
          if (results.length > WORKERS_TOLD) results.shift();
          exits.delete(exited);
          setExited();
          reject(
            failure ?? new KeystoneError('KS_INTERNAL', `worker ${worker.pid} ended before it listened (${exitText(exit)})`),
          );
          if (isUp && !over.signal.aborted) void restart(slot, worker.pid, exit, clock.nowMs() - startedMs);
        },
      });
      slot.worker = worker;
      slot.diedAs = null;
    });

  const restart = async (slot: Slot, pid: number, exit: WorkerExit, servedMs: number): Promise<void> => {
    if (servedMs >= STEADY_MS) slot.restartMs = FIRST_RESTART_MS;
    const waitMs = slot.restartMs;
    slot.restartMs = Math.min(waitMs * 2, LONGEST_RESTART_MS);
    onEvent({ kind: 'workerExited', pid, exit, restartMs: waitMs });
    await clock.sleep(waitMs, over.signal);
    if (over.signal.aborted) return;
    // One that does not come up ends, and its end leads here again.
    await start(slot).then(
      () => onEvent({ kind: 'workerStarted', pid: slot.worker?.pid ?? 0 }),
      () => undefined,
    );
  };

  const stopAll = async (): Promise<void> => {
    over.abort();
    for (const { worker } of slots) worker?.stop();
    const patience = new AbortController();
    await Promise.race([Promise.all(exits), clock.sleep(STOP_PATIENCE_MS, patience.signal)]);
    patience.abort();
    for (const { worker } of slots) worker?.kill();
    await Promise.all(exits);
  };

  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    const [first, ...others] = slots;
    // What is wrong with all of them is told once, by the first.
    const up = (async (): Promise<void> => {
      bound = await start(first as Slot);
      await Promise.all(others.map(start));
      isUp = true;
      // One that died while the others came up was not replaced yet.
      for (const slot of slots) if (slot.diedAs) void restart(slot, slot.diedAs.pid, slot.diedAs, 0);
    })();
    await Promise.race([up, stopped]);
    // Stopped while they start: they end as asked.
    if (signal.aborted) up.catch(() => undefined);
    const listening = bound as Listening | null;
    if (isUp && listening) {
      const pids = slots.flatMap(({ worker }) => (worker ? [worker.pid] : []));
      onEvent({ ...listening, pids });
    }
    await stopped;
    onEvent({ kind: 'draining' });
    await stopAll();
    const { address, httpAddress } = listening ?? { address: '', httpAddress: null };
    return { address, httpAddress, topic: options.topic, ...sum, workers: results };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/** `code 1`, `SIGKILL`. */
const exitText = ({ code, signal }: WorkerExit): string => signal ?? `code ${code}`;
