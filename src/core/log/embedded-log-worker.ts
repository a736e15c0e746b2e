/**
 * The thread the embedded log's file lives in: libsql is synchronous, and a lock wait or an fsync must not stop the event loop that
 * serves clients. One message is one call of a `LogFile` method, answered in order.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { isKeystoneError } from '../errors.js';
import { describeSqliteFailure } from '../sqlite/sqlite-failure.js';
import { openLogFile, type LogFile } from './embedded-log-file.js';

export type LogFileMethod = keyof LogFile;

export interface LogCall {
  readonly id: number;
  readonly method: LogFileMethod;
  readonly args: readonly unknown[];
}

/** A KS_LOG error as plain data: classes do not survive the way between threads. */
export interface LogFailure {
  readonly message: string;
  readonly hint: string | undefined;
}

export type LogReply =
  | { readonly id: number; readonly kind: 'done'; readonly result: unknown }
  | { readonly id: number; readonly kind: 'failed'; readonly failure: LogFailure };

/** Given when the thread starts. */
export interface LogWorkerData {
  readonly path: string;
}

const { path } = workerData as LogWorkerData;
const port = parentPort!;
// Opened by the first call, so that a failure to open is that call's answer; a later call tries again.
let file: LogFile | undefined;

function answer({ id, method, args }: LogCall): void {
  let reply: LogReply;
  const transfer: ArrayBuffer[] = [];
  try {
    if (method === 'close') {
      file?.close();
      reply = { id, kind: 'done', result: undefined };
    } else {
      file ??= openLogFile(path);
      const result = (file[method] as (...args: readonly unknown[]) => unknown)(...args);
      if (typeof result === 'object' && result !== null && 'buffer' in result && result.buffer instanceof ArrayBuffer)
        transfer.push(result.buffer);
      reply = { id, kind: 'done', result };
    }
  } catch (error) {
    const failure = isKeystoneError(error)
      ? { message: error.message, hint: error.hint }
      : describeSqliteFailure(error, `the event log ${path}`);
    reply = { id, kind: 'failed', failure };
  }
  port.postMessage(reply, transfer);
}

port.on('message', answer);
