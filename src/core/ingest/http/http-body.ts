/** The bytes of a request's body, bounded: as they come over the wire, inflated, and over all requests that are being read. */
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { messageOf } from '../../errors.js';
import type { InFlightBudget } from '../in-flight-budget.js';
import type { ProblemKind } from './problem-json.js';

export type HttpBody =
  /** `release` gives the bytes back to the budget, once the request is answered. */
  | { readonly kind: 'body'; readonly bytes: Buffer; readonly release: () => void }
  | { readonly kind: 'refused'; readonly problem: ProblemKind; readonly detail: string }
  /** The client went away: there is nobody to answer. */
  | { readonly kind: 'gone' };

const inflate = promisify(gunzip);

const refused = (problem: ProblemKind, detail: string): HttpBody => ({ kind: 'refused', problem, detail });

/** What the header alone forbids; null when the body may come. */
export function refusedUnread({ headers }: IncomingMessage, maxBytes: number): HttpBody | null {
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (!['identity', 'gzip', 'x-gzip'].includes(encoding))
    return refused('media-type', `the content encoding ${JSON.stringify(encoding)} is not taken; gzip and identity are`);
  const length = Number(headers['content-length'] ?? 0);
  if (length > maxBytes) return tooLarge(`${length} bytes are`, maxBytes);
  return null;
}

const tooLarge = (what: string, maxBytes: number): HttpBody =>
  refused(
    'too-large',
    `${what} more than the ${maxBytes} bytes that one request may hold (ingest.maxMessage); send less at once`,
  );

/** Reads what `refusedUnread` let pass. Never rejects. */
export async function readBody(incoming: IncomingMessage, maxBytes: number, budget: InFlightBudget): Promise<HttpBody> {
  let reserved = 0;
  const release = (): void => {
    budget.release(reserved);
    reserved = 0;
  };
  const reserve = (bytes: number): boolean => {
    if (!budget.reserve(bytes)) return false;
    reserved += bytes;
    return true;
  };
  const busy = refused('too-many', 'too many bytes of requests are being read; slow down and send again');

  const arrived = await new Promise<HttpBody>((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (result: HttpBody): void => {
      incoming.off('data', onData).off('end', onEnd).off('close', onGone);
      incoming.pause();
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) return finish(tooLarge('the body is', maxBytes));
      if (!reserve(chunk.length)) return finish(busy);
      chunks.push(chunk);
    };
    const onEnd = (): void => finish({ kind: 'body', bytes: Buffer.concat(chunks), release });
    const onGone = (): void => finish({ kind: 'gone' });
    // An error comes before close, and needs somebody who hears it.
    incoming
      .on('data', onData)
      .on('end', onEnd)
      .on('close', onGone)
      .on('error', () => undefined);
  });
  const encoding = incoming.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (arrived.kind === 'body' && encoding === 'identity') return arrived;
  if (arrived.kind !== 'body') {
    release();
    return arrived;
  }
  try {
    const bytes = await inflate(arrived.bytes, { maxOutputLength: maxBytes });
    if (reserve(bytes.length)) return { kind: 'body', bytes, release };
    release();
    return busy;
  } catch (error) {
    release();
    const isTooLarge =
      error instanceof RangeError || (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE');
    return isTooLarge
      ? tooLarge('the inflated body is', maxBytes)
      : refused('malformed', `the body is no whole gzip: ${messageOf(error)}`);
  }
}
