import { describe, expect, it } from 'vitest';
import { superviseWorkers, type ServeWorkersResult, type WorkersEvent } from '../../../src/core/ingest/supervise-workers.js';
import type { WorkerExit, WorkerMessage, WorkerOrders } from '../../../src/core/ingest/worker-process.js';

interface FakeWorker {
  readonly pid: number;
  readonly orders: WorkerOrders;
  tell(message: WorkerMessage): void;
  end(exit: WorkerExit): void;
  stops: number;
  kills: number;
}

const LISTENING: WorkerMessage = {
  kind: 'event',
  event: { kind: 'listening', address: '127.0.0.1:4711', httpAddress: '127.0.0.1:4712' },
};
const KILLED: WorkerExit = { code: null, signal: 'SIGKILL' };
const orders: WorkerOrders = { host: undefined, port: 0, httpPort: 0, keyMode: undefined, lingerMs: undefined };

function supervised(workers: number): {
  readonly started: FakeWorker[];
  readonly events: WorkersEvent[];
  readonly sleeps: number[];
  readonly abort: AbortController;
  readonly result: Promise<ServeWorkersResult>;
} {
  const started: FakeWorker[] = [];
  const events: WorkersEvent[] = [];
  const sleeps: number[] = [];
  const abort = new AbortController();
  const result = superviseWorkers({
    workers,
    orders,
    topic: 'events',
    startWorker: (given, on) => {
      const worker: FakeWorker = { pid: started.length + 1, orders: given, tell: on.message, end: on.exit, stops: 0, kills: 0 };
      started.push(worker);
      return { pid: worker.pid, stop: () => void worker.stops++, kill: () => void worker.kills++ };
    },
    // The wait before a replacement is over at once; the patience with those that drain is not.
    clock: { nowMs: () => 0, sleep: (ms) => (sleeps.push(ms), ms >= 15_000 ? new Promise(() => undefined) : Promise.resolve()) },
    signal: abort.signal,
    onEvent: (event) => events.push(event),
  });
  result.catch(() => undefined);
  return { started, events, sleeps, abort, result };
}

describe('workers behind one port', () => {
  it('start one after the first listens, are told as one, drain on the signal, and are summed up', async () => {
    const { started, events, abort, result } = supervised(3);
    expect(started.length).toBe(1);
    started[0]?.tell(LISTENING);
    await expect.poll(() => started.length).toBe(3);
    for (const worker of started.slice(1)) worker.tell(LISTENING);
    await expect
      .poll(() => events)
      .toEqual([{ kind: 'listening', address: '127.0.0.1:4711', httpAddress: '127.0.0.1:4712', pids: [1, 2, 3] }]);
    abort.abort();
    await expect.poll(() => started.map(({ stops }) => stops)).toEqual([1, 1, 1]);
    started.forEach((worker, index) => {
      worker.tell({ kind: 'ended', totals: { accepted: 10 * (index + 1), refused: index } });
      worker.end({ code: 0, signal: null });
    });
    expect(await result).toMatchObject({ accepted: 60, refused: 3, address: '127.0.0.1:4711', topic: 'events' });
    expect((await result).workers.every(({ isExact, code }) => isExact && code === 0)).toBe(true);
  });

  it('replace one that dies, with a growing wait, and keep what it had told', async () => {
    const { started, events, sleeps, abort, result } = supervised(2);
    started[0]?.tell(LISTENING);
    await expect.poll(() => started.length).toBe(2);
    started[1]?.tell(LISTENING);
    await expect.poll(() => events.length).toBe(1);
    started[1]?.tell({ kind: 'totals', totals: { accepted: 7, refused: 1 } });
    for (let n = 1; n <= 3; n++) {
      started[n]?.end(KILLED);
      await expect.poll(() => started.length).toBe(n + 2);
      started[n + 1]?.tell(LISTENING);
    }
    expect(sleeps).toEqual([100, 200, 400]);
    // The first still holds the shared ports: they are asked for as they were at first.
    expect(started.map(({ orders }) => orders.port)).toEqual([0, 0, 0, 0, 0]);
    expect(events).toContainEqual({ kind: 'workerExited', pid: 2, exit: KILLED, restartMs: 100 });
    abort.abort();
    await expect.poll(() => started[4]?.stops).toBe(1);
    started[0]?.end({ code: 0, signal: null });
    started[4]?.end({ code: 0, signal: null });
    expect(await result).toMatchObject({ accepted: 7, refused: 1 });
    expect((await result).workers[0]).toEqual({ pid: 2, accepted: 7, refused: 1, ...KILLED, isExact: false });
  });

  it('come back on the same ports when all of them died', async () => {
    const { started, abort, result } = supervised(2);
    started[0]?.tell(LISTENING);
    await expect.poll(() => started.length).toBe(2);
    started[1]?.tell(LISTENING);
    await Promise.resolve();
    started[0]?.end(KILLED);
    started[1]?.end(KILLED);
    await expect.poll(() => started.length).toBe(4);
    expect(started[2]?.orders).toMatchObject({ port: 4711, httpPort: 4712 });
    abort.abort();
    await expect.poll(() => started[3]?.stops).toBe(1);
    for (const worker of started.slice(2)) worker.end({ code: 0, signal: null });
    await result;
  });

  it('fail as the first fails, and leave none behind', async () => {
    const one = supervised(2);
    one.started[0]?.tell({ kind: 'failed', code: 'KS_PORT_IN_USE', message: 'taken', hint: 'another' });
    one.started[0]?.end({ code: 1, signal: null });
    await expect(one.result).rejects.toMatchObject({ code: 'KS_PORT_IN_USE', hint: 'another' });
    expect(one.started.length).toBe(1);

    const two = supervised(2);
    two.started[0]?.tell(LISTENING);
    await expect.poll(() => two.started.length).toBe(2);
    two.started[1]?.end({ code: 1, signal: null });
    await expect.poll(() => two.started[0]?.stops).toBe(1);
    two.started[0]?.end({ code: 0, signal: null });
    await expect(two.result).rejects.toMatchObject({ code: 'KS_INTERNAL' });
  });
});
