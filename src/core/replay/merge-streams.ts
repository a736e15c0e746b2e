/**
 * Several ordered streams as one, by log time: within a stream nothing changes its order, between streams the earlier event comes
 * first. Streams are asked one at a time, because they may share one connection.
 */
import type { ReplayEvent, ReplayEvents } from './replay-event.js';

const BATCH_EVENTS = 2_000;

interface Head {
  readonly rest: AsyncIterator<readonly ReplayEvent[]>;
  batch: readonly ReplayEvent[];
  at: number;
}

const timeOf = (event: ReplayEvent | undefined): number => event?.origin?.timestampUs ?? 0;

/** Of events with the same time the earlier stream's comes first, so the order is always the same. */
export async function* mergeStreams(streams: readonly ReplayEvents[]): ReplayEvents {
  const heads: Head[] = [];
  const refill = async (head: Head): Promise<boolean> => {
    for (;;) {
      const { value, done } = await head.rest.next();
      if (done === true) return false;
      if (value.length === 0) continue;
      head.batch = value;
      head.at = 0;
      return true;
    }
  };
  try {
    for (const stream of streams) {
      const head: Head = { rest: stream[Symbol.asyncIterator](), batch: [], at: 0 };
      if (await refill(head)) heads.push(head);
    }
    let merged: ReplayEvent[] = [];
    while (heads.length > 0) {
      let first = heads[0] as Head;
      for (const head of heads) if (timeOf(head.batch[head.at]) < timeOf(first.batch[first.at])) first = head;
      merged.push(first.batch[first.at] as ReplayEvent);
      first.at++;
      const isEmpty = first.at === first.batch.length;
      if (isEmpty || merged.length >= BATCH_EVENTS) {
        yield merged;
        merged = [];
      }
      if (isEmpty && !(await refill(first))) heads.splice(heads.indexOf(first), 1);
    }
  } finally {
    for (const head of heads) await head.rest.return?.();
  }
}
