/**
 * `ingest watch`: files that are uploaded into a folder, each taken once it is complete, brought into the log, and moved to done or
 * failed with a report beside it.
 *
 * The order that loses nothing: claim, ingest until durable, write the report, move. A process that dies in between leaves a claim,
 * which the next one takes over; the file is read again and its events come under the same ids, duplicates above bronze.
 */
import { EXIT, isKeystoneError, messageOf } from '../../errors.js';
import type { Lakehouse } from '../../lakehouse.js';
import type { ReportProgress } from '../../progress.js';
import { ingestUpload } from './ingest-upload.js';
import type { Destination } from '../open-sink.js';
import { hostOfAddress } from '../server-address.js';
import { createSettledUploads } from './settled-uploads.js';
import { openUploadFolder, type ClaimedUpload, type LeftFile, type UploadFolder } from './upload-folder.js';
import type { UploadReport } from './upload-report.js';
import { logWatching } from './watch-log.js';

export interface RunWatchOptions {
  readonly dir: string;
  /** Dataset of every file; undefined: by the name of the sub-folder or file. */
  readonly dataset: string | undefined;
  readonly destination: Destination;
  /** How long a file must have stood still, in milliseconds. */
  readonly settleMs: number;
  /** End when what was there at the start is dealt with. */
  readonly once: boolean;
  /** Read and count what is there, append and move nothing. */
  readonly dryRun: boolean;
}

export interface RunWatchEffects {
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
  readonly onEvent: (event: WatchEvent) => void;
}

export type WatchEvent =
  | { readonly kind: 'watching' }
  /** Claimed: it is read now. */
  | { readonly kind: 'taken'; readonly name: string; readonly sizeBytes: number }
  | { readonly kind: 'file'; readonly report: UploadReport }
  | { readonly kind: 'left'; readonly file: LeftFile }
  /** Nothing is lost: the file (null: the folder) lies where it was and is tried again after `retryMs`. */
  | { readonly kind: 'waiting'; readonly name: string | null; readonly reason: string; readonly retryMs: number };

export interface RunWatchResult {
  readonly dir: string;
  /** The newest thousand. */
  readonly files: readonly UploadReport[];
  readonly done: number;
  readonly failed: number;
  /** Events that the log acknowledged. */
  readonly accepted: number;
  readonly badRows: number;
  /** The file whose reading was cut short by the signal, put back; null when there was none. */
  readonly interrupted: string | null;
  readonly dryRun: boolean;
}

const FILES_KEPT = 1000;
const LONGEST_POLL_MS = 1000;
const SHORTEST_POLL_MS = 20;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
const TAKE_OVER_EVERY_MS = 10_000;
/** With `once`: a file that is still written to after so many settle times is left for the next run. */
const PATIENCE = 10;

/** A disk, log or server that may be back in a moment; a wrong token or flag is not right by waiting. */
const mayPass = (error: unknown): boolean => isKeystoneError(error) && error.exitCode === EXIT.unreachable;

/** @throws KeystoneError KS_NOT_FOUND (no folder), KS_USAGE, KS_CONTRACT; KS_CONFIG, KS_CREDENTIALS; with `once` also what kept a file from the log. */
export async function runWatch(lakehouse: Lakehouse, options: RunWatchOptions & RunWatchEffects): Promise<RunWatchResult> {
  const { dir, settleMs, once, dryRun, signal } = options;
  const { clock, randomBytes, logger } = lakehouse.effects;
  const onEvent = (event: WatchEvent): void => {
    if (!dryRun) logWatching(logger, event, dir);
    options.onEvent(event);
  };
  if (options.destination.kind === 'server') hostOfAddress(options.destination.address);
  await lakehouse.contracts();
  const folder = await openUploadFolder(dir, randomBytes);
  const files: UploadReport[] = [];
  const total = { done: 0, failed: 0, accepted: 0, badRows: 0 };
  let interrupted: string | null = null;

  const finished = (report: UploadReport): void => {
    files.push(report);
    if (files.length > FILES_KEPT) files.shift();
    total[report.status]++;
    total.accepted += report.accepted;
    total.badRows += report.badRows;
    onEvent({ kind: 'file', report });
  };
  const told = new Set<string>();
  const tellLeft = (left: readonly LeftFile[]): void => {
    for (const file of left) {
      if (told.has(file.name) || told.size >= FILES_KEPT) continue;
      told.add(file.name);
      onEvent({ kind: 'left', file });
    }
  };
  const result = (): RunWatchResult => ({ dir, files, ...total, interrupted, dryRun });

  if (dryRun) {
    const { uploads, left } = await folder.scan();
    tellLeft(left);
    for (const upload of uploads) finished(await ingestUpload(lakehouse, { ...options, upload }));
    return result();
  }

  /** Files that were put back wait for a log, a disk or a server. */
  let retryMs = FIRST_RETRY_MS;
  let waitMs = 0;
  const wait = (name: string | null, reason: string): void => {
    waitMs = retryMs;
    onEvent({ kind: 'waiting', name, reason, retryMs });
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
  };
  /** Claimed and not dealt with: taken over, or not even to be put back. */
  const held: ClaimedUpload[] = [];
  const takeIn = async (claimed: ClaimedUpload): Promise<void> => {
    onEvent({ kind: 'taken', name: claimed.name, sizeBytes: claimed.sizeBytes });
    try {
      const report = await ingestClaimed(lakehouse, folder, claimed, options);
      retryMs = FIRST_RETRY_MS;
      if (report) finished(report);
    } catch (error) {
      const name = await folder.putBack(claimed).catch(() => {
        held.push(claimed);
        return claimed.name;
      });
      if (isKeystoneError(error) && error.code === 'KS_INTERRUPTED' && signal.aborted) interrupted = name;
      else if (once || !mayPass(error)) throw error;
      else wait(name, messageOf(error));
    }
  };

  onEvent({ kind: 'watching' });
  const settled = createSettledUploads(settleMs);
  const pollMs = Math.max(SHORTEST_POLL_MS, Math.min(LONGEST_POLL_MS, settleMs / 2));
  const stops = (): boolean => signal.aborted || waitMs > 0;
  let first: ReadonlySet<string> | undefined;
  let sinceTakeOverMs = TAKE_OVER_EVERY_MS;
  let lookedMs = 0;
  /** One look at the folder; resolves to the names that are still to be dealt with. */
  const look = async (waitedMs: number): Promise<ReadonlySet<string>> => {
    if (sinceTakeOverMs >= TAKE_OVER_EVERY_MS) {
      sinceTakeOverMs = 0;
      held.push(...(await folder.takeOver()));
    }
    while (!stops()) {
      const claimed = held.shift();
      if (!claimed) break;
      await takeIn(claimed);
    }
    const { uploads, left } = await folder.scan();
    tellLeft(left);
    const waiting = new Set(uploads.map(({ name }) => name));
    for (const upload of settled.look(uploads, waitedMs)) {
      if (stops()) break;
      const claimed = await folder.claim(upload);
      waiting.delete(upload.name);
      if (claimed) await takeIn(claimed);
    }
    return waiting;
  };
  try {
    for (let waitedMs = 0; !signal.aborted;) {
      waitMs = 0;
      try {
        const waiting = await look(waitedMs);
        first ??= waiting;
        if (once && ![...first].some((name) => waiting.has(name))) break;
        if (once && lookedMs >= PATIENCE * Math.max(settleMs, LONGEST_POLL_MS)) {
          tellLeft([...waiting].map((name) => ({ name, reason: 'it is still being written to; run the same command again' })));
          break;
        }
      } catch (error) {
        if (once || !mayPass(error)) throw error;
        wait(null, messageOf(error));
      }
      waitedMs = Math.max(waitMs, pollMs);
      await clock.sleep(waitedMs, signal);
      lookedMs += waitedMs;
      sinceTakeOverMs += waitedMs;
    }
  } finally {
    // What cannot be put back stays claimed: the next process takes it over.
    for (const claimed of held) await folder.putBack(claimed).catch(() => undefined);
  }
  const { done, failed, accepted } = total;
  logger?.info('watch.stopped', { dir, done, failed, accepted, interrupted });
  return result();
}

/** Null when the file was still written to while it was read: it was put back, to be read again as a whole. */
async function ingestClaimed(
  lakehouse: Lakehouse,
  folder: UploadFolder,
  claimed: ClaimedUpload,
  options: RunWatchOptions & RunWatchEffects,
): Promise<UploadReport | null> {
  const report = await ingestUpload(lakehouse, { ...options, upload: claimed });
  if (await folder.hasChanged(claimed)) {
    const name = await folder.putBack(claimed);
    options.onEvent({ kind: 'waiting', name, reason: 'it was written to while it was read', retryMs: options.settleMs });
    return null;
  }
  let moved = report;
  await folder.conclude(claimed, report.status, (movedTo) => {
    moved = { ...report, movedTo };
    return `${JSON.stringify(moved, null, 2)}\n`;
  });
  return moved;
}
