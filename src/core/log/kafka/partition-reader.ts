/**
 * Reads one partition by offset. A fetch brings whole batches, often more than was asked for: what is left over is kept, still
 * compressed, for the read that goes on there.
 *
 * Offsets without a record (compacted away, markers of transactions, transactions that were aborted) are passed over, and `nextOffset`
 * lies behind them; the last stable offset bounds all, so a transaction that is still open hides what follows it.
 */
import type { LogRecord, ReadResult } from '../event-log.js';
import { logTruncated } from '../log-truncated.js';
import { BrokerRefusal, CODE } from './failure.js';
import { batchHead, batchRecords, isAbortMarker } from './record-batch.js';
import type { AbortedTransaction, Fetched } from './requests.js';

interface ReadPlace {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionReader {
  /** Records from `fromOffset` on, at least one unless the end is reached. */
  read(fromOffset: number, limit: { readonly maxRecords: number; readonly maxBytes: number }): Promise<ReadResult>;
  /** Bytes of what was left over. */
  aheadBytes(): number;
  /** Forgets what was left over: the next read fetches it again. */
  drop(): void;
}

export interface PartitionReaderOptions extends ReadPlace {
  readonly fetch: (offset: number, maxBytes: number) => Promise<Fetched>;
  /** First offset still held and one behind the last that may be read. */
  readonly bounds: () => Promise<{ readonly startOffset: number; readonly endOffset: number }>;
}

/** What a fetch brought from the batch that holds `fromOffset` on. */
interface Ahead {
  readonly fromOffset: number;
  readonly bytes: Buffer;
  /** Records of the first batch, when a read that ended within it has decoded them. */
  readonly decoded: readonly LogRecord[] | null;
  readonly transactions: TransactionFilter;
}

/** Batches are at least fetched in pieces of this size. */
const LEAST_FETCH_BYTES = 1_000_000;
const MOST_FETCH_BYTES = 16_000_000;

export function partitionReader({ topic, partition, fetch, bounds }: PartitionReaderOptions): PartitionReader {
  let ahead: Ahead | null = null;
  const what = `${topic}/${partition}`;

  /** What is left over for `fromOffset`, else what a fetch brings; null at the end. */
  const batchesFrom = async (fromOffset: number, maxBytes: number): Promise<Ahead | null> => {
    if (ahead?.fromOffset === fromOffset && ahead.bytes.length > 0) return ahead;
    ahead = null;
    const bytes = Math.min(MOST_FETCH_BYTES, Math.max(LEAST_FETCH_BYTES, maxBytes));
    const { errorCode, batches, aborted, isThrottled } = await fetch(fromOffset, bytes);
    if (errorCode === CODE.offsetOutOfRange) {
      const { startOffset } = await bounds();
      if (fromOffset >= startOffset) return null;
      throw logTruncated(
        `${topic} partition ${partition} begins at ${startOffset}: ${startOffset - fromOffset} events from ${fromOffset} on expired unread`,
        { topic, partition, startOffset, fromOffset },
      );
    }
    if (errorCode !== CODE.none) throw new BrokerRefusal(errorCode);
    // Over its quota a client is answered with nothing, which is no end: the next request waits for as long as the broker wants.
    if (batches.length === 0 && isThrottled && fromOffset < (await bounds()).endOffset) throw new BrokerRefusal(CODE.throttled);
    return batches.length === 0 ? null : { fromOffset, bytes: batches, decoded: null, transactions: transactionFilter(aborted) };
  };

  return {
    read: async (fromOffset, limit) => {
      const records: LogRecord[] = [];
      let nextOffset = fromOffset;
      let bytes = 0;
      while (records.length === 0) {
        const found = await batchesFrom(nextOffset, limit.maxBytes);
        if (!found) break;
        const before = nextOffset;
        let at = 0;
        let isFull = false;
        let decoded = found.decoded;
        while (!isFull) {
          const head = batchHead(found.bytes, at, what);
          if (!head) break;
          if (head.lastOffset >= nextOffset) {
            const hidden = found.transactions.hides(head);
            if (head.control) {
              const key = `${what} at offset ${head.baseOffset}`;
              if (head.recordCount > 0 && (await isAbortMarker(found.bytes, at, head, key)))
                found.transactions.aborted(head.producerId);
            } else if (!hidden) {
              decoded ??= await batchRecords(found.bytes, at, head, { topic, partition });
              for (const record of decoded) {
                if (record.offset < nextOffset) continue;
                if (records.length >= limit.maxRecords || (records.length > 0 && bytes >= limit.maxBytes)) {
                  isFull = true;
                  break;
                }
                records.push(record);
                bytes += record.value?.length ?? 0;
                nextOffset = record.offset + 1;
              }
            }
            if (isFull) break;
            nextOffset = head.lastOffset + 1;
          }
          decoded = null;
          at += head.sizeBytes;
        }
        ahead = { fromOffset: nextOffset, bytes: found.bytes.subarray(at), decoded, transactions: found.transactions };
        // Only a piece of a batch is left: the next read fetches it whole.
        if (!isFull && !batchHead(ahead.bytes, 0, what)) ahead = null;
        if (nextOffset === before) break;
      }
      return { records, nextOffset };
    },
    // A view keeps the whole fetch alive.
    aheadBytes: () => ahead?.bytes.buffer.byteLength ?? 0,
    drop: () => {
      ahead = null;
    },
  };
}

interface TransactionFilter {
  /** Whether the batch belongs to a transaction that was aborted. Asked for every batch, in order. */
  hides(batch: { readonly lastOffset: number; readonly producerId: bigint; readonly transactional: boolean }): boolean;
  /** The producer's transaction ends here; its next one is another. */
  aborted(producerId: bigint): void;
}

/** As Kafka's own consumer does it: a transaction is hidden from its first offset to its abort marker. */
function transactionFilter(aborted: readonly AbortedTransaction[]): TransactionFilter {
  const waiting = aborted.toSorted((a, b) => Number(a.firstOffset - b.firstOffset));
  const active = new Set<bigint>();
  return {
    hides: ({ lastOffset, producerId, transactional }) => {
      while (waiting[0] && waiting[0].firstOffset <= BigInt(lastOffset)) active.add(waiting.shift()!.producerId);
      return transactional && active.has(producerId);
    },
    aborted: (producerId) => void active.delete(producerId),
  };
}
