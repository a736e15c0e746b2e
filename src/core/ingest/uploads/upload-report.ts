/** What became of one uploaded file: the content of `<name>.report.json`, gathered while the file is read. */
import { HEADER_CSV_ERROR } from '../../event/envelope.js';
import type { OnResults } from '../event-sink.js';
import type { FileEvent } from '../files/file-event.js';
import type { Receipt } from '../grpc/ingestion-v1-codec.js';
import type { UploadOutcome } from './upload-folder.js';
import type { UploadFormat } from './upload-name.js';

/** A row or line that is not in the log as its author meant it. */
export interface UploadProblem {
  /** 1-based line of the file. */
  readonly line: number | null;
  /** `unreadable` rows are in the log as raw bytes, bound for the error zone; `refused` and `left-out` ones are not in the log. */
  readonly kind: 'unreadable' | 'refused' | 'left-out';
  readonly reason: string;
  readonly eventId: string | null;
}

export interface UploadReport {
  /** As it was uploaded, relative to the watched folder. */
  readonly file: string;
  /** Where it lies now, relative to the watched folder. null in a dry run. */
  readonly movedTo: string | null;
  /** `failed`: the file broke off, or not all of its events are in the log; `reason` says why. What `accepted` counts is in the log all the same. */
  readonly status: UploadOutcome;
  readonly reason: string | null;
  readonly dataset: string | null;
  readonly format: UploadFormat | null;
  readonly sizeBytes: number;
  /** Events read; `accepted + refused` in the end. */
  readonly events: number;
  readonly payloadBytes: number;
  readonly accepted: number;
  readonly refused: number;
  /** CSV rows that cannot be read, part of `events`. */
  readonly badRows: number;
  /** NDJSON lines longer than `ingest.maxMessage`, no part of `events`. */
  readonly leftOut: number;
  /** The first 100 by line. */
  readonly problems: readonly UploadProblem[];
  readonly warnings: readonly string[];
  /** Where the first and the last acknowledged event lie in the log. */
  readonly firstReceipt: Receipt | null;
  readonly lastReceipt: Receipt | null;
  readonly startedAt: string;
  readonly durationMs: number;
}

export type UploadCounts = Pick<
  UploadReport,
  'events' | 'payloadBytes' | 'accepted' | 'refused' | 'badRows' | 'leftOut' | 'problems' | 'firstReceipt' | 'lastReceipt'
>;

export interface UploadTally {
  /** Before the events are given to the sink. */
  given(events: readonly FileEvent[]): void;
  readonly onResults: OnResults;
  leftOut(line: number, reason: string): void;
  counts(): UploadCounts;
  /** Events refused only for now: the server or its log was away, or full. */
  refusedForNow(): number;
}

const PROBLEMS_SHOWN = 100;
const UNAVAILABLE = 14;
const RESOURCE_EXHAUSTED = 8;

/** An event that is too large for the server's messages stays so; every other exhaustion passes. */
const passes = (code: number, message: string): boolean =>
  code === UNAVAILABLE || (code === RESOURCE_EXHAUSTED && !message.includes('in one message'));

/** Memory is bounded by what is under way between `given` and its result. */
export function createUploadTally(): UploadTally {
  /** Ids are unique in a file, but for a server that answers later than it is asked again: then the line is not known any more. */
  const linesUnderWay = new Map<string, number | undefined>();
  const total = { events: 0, payloadBytes: 0, accepted: 0, refused: 0, badRows: 0, leftOut: 0 };
  const problems: UploadProblem[] = [];
  let forNow = 0;
  let firstReceipt: Receipt | null = null;
  let lastReceipt: Receipt | null = null;
  const note = (problem: UploadProblem): void => {
    if (problems.length < PROBLEMS_SHOWN) problems.push(problem);
  };
  return {
    given(events) {
      for (const { payload, headers, eventId, line } of events) {
        total.events++;
        total.payloadBytes += payload.length;
        linesUnderWay.set(eventId, line);
        const error = headers.find(({ key }) => key === HEADER_CSV_ERROR);
        if (!error) continue;
        total.badRows++;
        note({ line: line ?? null, kind: 'unreadable', reason: Buffer.from(error.value).toString('utf8'), eventId });
      }
    },
    onResults(results) {
      for (const result of results) {
        if (result.kind === 'receipt') {
          total.accepted++;
          firstReceipt ??= result.receipt;
          lastReceipt = result.receipt;
          linesUnderWay.delete(result.receipt.eventId);
          continue;
        }
        const { eventId, code, message } = result.refusal;
        total.refused++;
        if (passes(code, message)) forNow++;
        note({ line: linesUnderWay.get(eventId) ?? null, kind: 'refused', reason: message, eventId });
        linesUnderWay.delete(eventId);
      }
    },
    leftOut(line, reason) {
      total.leftOut++;
      note({ line, kind: 'left-out', reason, eventId: null });
    },
    counts: () => {
      const byLine = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
      return { ...total, problems: byLine, firstReceipt, lastReceipt };
    },
    refusedForNow: () => forNow,
  };
}
