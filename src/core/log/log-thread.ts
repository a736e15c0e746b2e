/**
 * Calls into the embedded log's worker thread, as promises. The thread does not keep the process alive while it is idle.
 *
 * The thread runs compiled code: from `dist` it is the file beside this one; under vitest, which runs this file from `src` (Node
 * can't load TypeScript into a worker), it is the built one in `dist`, so tests need `npm run build` first.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { KeystoneError } from '../errors.js';
import type { LogFile } from './embedded-log-file.js';
import type { LogCall, LogReply, LogWorkerData } from './embedded-log-worker.js';

type Results = { readonly [M in keyof LogFile]: ReturnType<LogFile[M]> };

export interface LogThread {
  call<M extends Exclude<keyof LogFile, 'close'>>(
    method: M,
    args: Parameters<LogFile[M]>,
    transfer?: readonly ArrayBuffer[],
  ): Promise<Results[M]>;
  close(): Promise<void>;
}

function workerFile(): URL {
  const here = new URL('./embedded-log-worker.js', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) return here;
  const built = new URL(here.href.replace(/\/src\/core\/log\/([^/]*)$/, '/dist/core/log/$1'));
  if (existsSync(fileURLToPath(built))) return built;
  throw new KeystoneError('KS_LOG', `The event log's worker is not built: ${fileURLToPath(built)} is missing`, {
    hint: 'npm run build',
  });
}

/** Starts the thread; the file is opened by the first call. Every failure is KS_LOG. */
export function startLogThread(path: string): LogThread {
  const waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  let lastId = 0;
  let closing: Promise<void> | undefined;
  let lost: KeystoneError | undefined;
  const workerData: LogWorkerData = { path };
  const worker = new Worker(workerFile(), { workerData, execArgv: [] });
  worker.unref();

  const lose = (cause: unknown): void => {
    lost ??= new KeystoneError('KS_LOG', `The thread of the event log ${path} ended`, { hint: 'Repeat the command.', cause });
    for (const { reject } of waiting.values()) reject(lost);
    waiting.clear();
  };
  worker.on('error', lose);
  worker.on('exit', () => lose(undefined));
  worker.on('message', (reply: LogReply) => {
    const caller = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (waiting.size === 0) worker.unref();
    if (reply.kind === 'done') return caller?.resolve(reply.result as never);
    const { message, hint } = reply.failure;
    caller?.reject(new KeystoneError('KS_LOG', message, hint === undefined ? {} : { hint }));
  });

  const send = (method: keyof LogFile, args: readonly unknown[], transfer: readonly ArrayBuffer[]): Promise<never> => {
    if (lost) return Promise.reject(lost);
    return new Promise((resolve, reject) => {
      const call: LogCall = { id: ++lastId, method, args };
      worker.ref();
      waiting.set(call.id, { resolve, reject });
      worker.postMessage(call, transfer);
    });
  };
  return {
    call: (method, args, transfer = []) =>
      closing ? Promise.reject(new KeystoneError('KS_LOG', `The event log ${path} is closed`)) : send(method, args, transfer),
    close: () => {
      // The thread answers in order, so whatever was asked before is done when this is answered.
      closing ??= send('close', [], []).then(async () => {
        await worker.terminate();
      });
      return closing;
    },
  };
}
