/** Counts the outcomes of events as they come, and keeps the first refusals to show. */
import { isKeystoneError, KeystoneError } from '../errors.js';
import type { OnResults } from './event-sink.js';
import type { EventResult } from './grpc/ingestion-v1-codec.js';

/** A refusal as shown; `code` is a gRPC status code. */
export interface ShownRefusal {
  readonly eventId: string;
  readonly code: number;
  readonly message: string;
}

export interface ResultTally {
  readonly onResults: OnResults;
  counts(): { readonly accepted: number; readonly refused: number; readonly refusals: readonly ShownRefusal[] };
}

const REFUSALS_SHOWN = 10;

/** @param onReceipts told of each batch after it is counted, e.g. to write receipts down. */
export function createResultTally(onReceipts?: OnResults): ResultTally {
  let accepted = 0;
  let refused = 0;
  const refusals: ShownRefusal[] = [];
  const count = (result: EventResult): void => {
    if (result.kind === 'receipt') {
      accepted++;
      return;
    }
    refused++;
    if (refusals.length < REFUSALS_SHOWN) refusals.push(result.refusal);
  };
  return {
    onResults: (results) => {
      for (const result of results) count(result);
      onReceipts?.(results);
    },
    counts: () => ({ accepted, refused, refusals }),
  };
}

/** An interruption, or a limit that stopped it, that says what became of the events until then: `withSink` has made durable what was given. Other errors as they are. */
export function interruptedWith(error: unknown, { accepted, refused }: ReturnType<ResultTally['counts']>): unknown {
  if (!isKeystoneError(error) || (error.code !== 'KS_INTERRUPTED' && error.code !== 'KS_LIMIT')) return error;
  const { code, message, hint, cause } = error;
  return new KeystoneError(code, `${message}: ${accepted} events accepted, ${refused} refused until then`, {
    ...(hint === undefined ? {} : { hint }),
    cause,
    details: { accepted, refused },
  });
}
