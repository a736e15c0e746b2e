/** Files as the source of a replay, one after the other: recorded traces, bronze's data files, and plain CSV, NDJSON, Parquet. */
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { isKeystoneError, KeystoneError, messageOf } from '../errors.js';
import { createLongLines } from '../ingest/files/long-lines.js';
import type { Lakehouse } from '../lakehouse.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { describeParquetFile, parquetEvents, type ParquetFile } from './parquet-file.js';
import { plainFiles } from './plain-file.js';
import type { ReplayEvents } from './replay-event.js';
import type { NextPositions, PlannedSourceFile, ReplaySource, SourcePlan } from './replay-source.js';
import { isOpen, type TimeRange } from './time-range.js';
import { readTraceHeader, traceFileEvents } from './trace-file.js';

type FilesPlan = SourcePlan & { readonly kind: 'files' };

type SourceFile =
  | { readonly kind: 'plain'; readonly path: string }
  | { readonly kind: 'trace'; readonly path: string; readonly events: number }
  | { readonly kind: 'parquet'; readonly path: string; readonly parquet: ParquetFile };

export interface FilesSourceOptions {
  readonly paths: readonly string[];
  /** What a local copy of a remote file is called. */
  readonly named: (text: string) => string;
  /** Of plain files: the dataset of every event. */
  readonly dataset: string | undefined;
  readonly range: TimeRange;
  readonly saved: FilesPlan | undefined;
  readonly signal: AbortSignal;
}

/**
 * @throws KeystoneError KS_NOT_FOUND for a file that cannot be read, KS_USAGE for a range of log time on files that have none or for
 *   files that changed since the replay began, KS_CHECK_FAILED for broken files.
 */
export async function openFilesSource(lakehouse: Lakehouse, options: FilesSourceOptions): Promise<ReplaySource> {
  const { ingest } = lakehouse.config;
  const plan: FilesPlan = {
    kind: 'files',
    files: await Promise.all(options.paths.map((file) => plannedFile(file, options.named))),
  };
  if (options.saved) checkUnchanged(plan, options.saved);
  let session: DuckSession | undefined;
  const parquetSession = async (): Promise<DuckSession> => {
    if (!session) {
      // One thread and the order of the rows kept: a file is replayed as it stands.
      session = await lakehouse.duck({ threads: 1 });
      await session.run('SET preserve_insertion_order = true');
    }
    return session;
  };
  const warnings = new Set<string>();
  const longLines = createLongLines(ingest.maxMessage);
  const plain = plainFiles({
    contracts: await lakehouse.contracts(),
    keyMode: ingest.key,
    dataset: options.dataset,
    defaultDataset: ingest.defaultDataset,
    maxLineBytes: ingest.maxMessage,
    onLongLine: longLines.leftOut,
    warn: (text) => void (text !== null && warnings.add(text)),
  });

  const sourceFile = async (file: string): Promise<SourceFile> => {
    if (await isParquet(file))
      return { kind: 'parquet', path: file, parquet: await describeParquetFile(await parquetSession(), file) };
    const header = /\.csv(\.gz)?$/i.test(file) ? null : await readTraceHeader(file, options.signal);
    return header ? { kind: 'trace', path: file, events: header.events } : { kind: 'plain', path: file };
  };
  const close = async (): Promise<void> => session?.close();

  try {
    const files: SourceFile[] = [];
    for (const file of options.paths) files.push(await sourceFile(file));
    const timeless = files.find((file) => file.kind === 'plain' || (file.kind === 'parquet' && file.parquet.kind === 'rows'));
    if (timeless && !isOpen(options.range)) {
      throw new KeystoneError('KS_USAGE', `${timeless.path} holds no log times: --from and --to choose by log time`, {
        hint: `choose by the payload: --where "payload->>'order_purchase_timestamp' >= '2018-08-01'"`,
      });
    }
    for (const file of files) if (file === timeless || file.kind === 'plain') plain.datasetOf(file.path);
    const eventsOf = async function* (file: SourceFile, stream: string, skip: number, signal: AbortSignal): ReplayEvents {
      if (file.kind === 'plain') yield* plain.events(file.path, { stream, skip }, signal);
      else if (file.kind === 'trace') yield* traceFileEvents(file.path, { stream, skip, expected: file.events, signal });
      else {
        const eventOf = file.parquet.kind === 'rows' ? plain.rowEvents(file.path, stream) : neverAsked;
        yield* parquetEvents(await parquetSession(), file.path, file.parquet, { stream, skip, eventOf, signal });
      }
    };
    const counts = files.map((file) =>
      file.kind === 'trace' ? file.events : file.kind === 'parquet' ? file.parquet.rows : null,
    );
    return {
      name: options.paths.map((file) => path.basename(file)).join(', '),
      plan,
      totalEvents: counts.every((count) => count !== null) ? counts.reduce((sum, count) => sum + count, 0) : undefined,
      events: (next, signal) => allEvents(files, eventsOf, next, signal),
      warnings: () => [...warnings, ...longLines.warnings()],
      failedLines: longLines.count,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function* allEvents(
  files: readonly SourceFile[],
  eventsOf: (file: SourceFile, stream: string, skip: number, signal: AbortSignal) => ReplayEvents,
  next: NextPositions,
  signal: AbortSignal,
): ReplayEvents {
  for (const [index, file] of files.entries()) {
    const stream = String(index);
    yield* eventsOf(file, stream, next.get(stream) ?? 0, signal);
  }
}

const neverAsked = (): never => {
  throw new KeystoneError('KS_INTERNAL', 'a recorded event was taken for a plain row');
};

async function plannedFile(file: string, named: (text: string) => string): Promise<PlannedSourceFile> {
  try {
    const { size, mtimeMs } = await stat(file);
    return { path: named(path.resolve(file)), sizeBytes: size, modifiedMs: Math.floor(mtimeMs) };
  } catch (cause) {
    throw new KeystoneError('KS_NOT_FOUND', `cannot read ${file}: ${messageOf(cause)}`, { hint: `ls -l ${file}`, cause });
  }
}

function checkUnchanged(plan: FilesPlan, saved: FilesPlan): void {
  const changed = plan.files.find(({ path: file, sizeBytes, modifiedMs }, index) => {
    const before = saved.files[index];
    return before?.path !== file || before.sizeBytes !== sizeBytes || before.modifiedMs !== modifiedMs;
  });
  if (!changed) return;
  throw new KeystoneError('KS_USAGE', `${changed.path} has changed since this replay began: it cannot go on in it`, {
    hint: 'start it anew: the same command without --resume',
  });
}

/** By its first bytes, or by its name where these say otherwise: then the reader names what is wrong. */
async function isParquet(file: string): Promise<boolean> {
  if (/\.parquet$/i.test(file)) return true;
  try {
    const handle = await open(file, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
      return bytesRead === 4 && buffer.toString('latin1') === 'PAR1';
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (isKeystoneError(cause)) throw cause;
    throw new KeystoneError('KS_NOT_FOUND', `cannot read ${file}: ${messageOf(cause)}`, { hint: `ls -l ${file}`, cause });
  }
}
