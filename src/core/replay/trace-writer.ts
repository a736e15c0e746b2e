/**
 * Writes a recorded trace. Everything is written beside the file under another name first; the name is given once the whole is on
 * disk, so a reader never sees half a trace.
 */
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { createEventRowsTable, type EventRowsTable } from '../engine/duckdb/event-rows-table.js';
import { withoutGlob } from '../engine/duckdb/glob-path.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteLiteral } from '../engine/sql-text.js';
import { isKeystoneError, KeystoneError, messageOf } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { syncPath } from '../store/durable-file.js';
import { eventRow, type ReplayEvent } from './replay-event.js';
import { RECORDED_COLUMNS } from './recorded-rows.js';
import { printTraceLine, type TraceHeader } from './trace-lines.js';

export interface TraceWriter {
  write(events: readonly ReplayEvent[]): Promise<void>;
  /** Puts the header to the events and gives the file its name; resolves to its size in bytes once it is on disk. */
  finish(header: TraceHeader): Promise<number>;
  /** Removes what is not finished. */
  close(): Promise<void>;
}

const zip = promisify(gzip);
const COPY_BYTES = 1 << 20;
/** The key under which Parquet's metadata holds the header. */
const METADATA_KEY = 'keystone.trace';

/**
 * Null in a dry run, after the same checks.
 * @throws KeystoneError KS_USAGE for a name of no known form, or of a file that is there and is not to be replaced (`force`), KS_NOT_FOUND
 *   without its folder.
 */
export async function traceWriter(
  lakehouse: Lakehouse,
  { out, force, dryRun }: { readonly out: string; readonly force: boolean; readonly dryRun: boolean },
): Promise<TraceWriter | null> {
  const form = /\.(parquet|ndjson|ndjson\.gz)$/i.exec(out)?.[1]?.toLowerCase();
  if (form === undefined) {
    throw new KeystoneError('KS_USAGE', `the name ${out} does not say how the trace is to be written`, {
      hint: '--out trace.parquet, --out trace.ndjson or --out trace.ndjson.gz',
    });
  }
  const folder = path.dirname(path.resolve(out));
  if ((await stat(folder).catch(() => null))?.isDirectory() !== true) {
    throw new KeystoneError('KS_NOT_FOUND', `${out} cannot be written: there is no folder ${folder}`, {
      hint: `mkdir -p ${folder}`,
    });
  }
  if (!force && (await stat(out).catch(() => null)) !== null) {
    throw new KeystoneError('KS_USAGE', `${out} is there already, and a trace may be all that is left of its events`, {
      hint: 'take another name, or replace it with --force',
    });
  }
  if (dryRun) return null;
  const random = Buffer.from(lakehouse.effects.randomBytes(4)).toString('hex');
  // Hidden, and on the same disk as the file that it becomes.
  const temporary = (part: string): string => path.join(folder, `.${path.basename(out)}.${random}.${part}`);
  return form === 'parquet' ? parquetWriter(lakehouse, out, temporary) : lineWriter(out, temporary, form.endsWith('.gz'));
}

const cannotWrite = (out: string, error: unknown): unknown =>
  isKeystoneError(error) && error.code !== 'KS_ENGINE'
    ? error
    : new KeystoneError('KS_STORE', `${out} cannot be written: ${messageOf(error)}`, {
        hint: `df -h ${path.dirname(out)}; nothing was left behind`,
        cause: error,
      });

/** On disk under its name; resolves to its size. */
async function giveName(temporary: string, out: string): Promise<number> {
  await syncPath(temporary);
  const { size } = await stat(temporary);
  await rename(temporary, out);
  await syncPath(path.dirname(path.resolve(out)));
  return size;
}

/** The header is known last and stands first: the lines wait in a file of their own. Of a gzip each part is a member. */
async function lineWriter(out: string, temporary: (part: string) => string, zipped: boolean): Promise<TraceWriter> {
  const whole = temporary('whole');
  const rest = temporary('lines');
  const encode = async (text: string): Promise<Buffer> => {
    const bytes = Buffer.from(text, 'utf8');
    return zipped ? zip(bytes) : bytes;
  };
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw cannotWrite(out, error);
    }
  };
  const lines = await guarded(() => open(rest, 'wx+'));
  return {
    write: (events) =>
      guarded(async () => lines.writeFile(await encode(events.map((event) => `${printTraceLine(event)}\n`).join('')))),
    finish: (header) =>
      guarded(async () => {
        const target = await open(whole, 'wx');
        try {
          await target.writeFile(await encode(`${JSON.stringify(header)}\n`));
          await appendAll(lines, target);
        } finally {
          await target.close();
        }
        return giveName(whole, out);
      }),
    close: async () => {
      await lines.close();
      await Promise.all([rm(rest, { force: true }), rm(whole, { force: true })]);
    },
  };
}

async function appendAll(from: FileHandle, to: FileHandle): Promise<void> {
  const buffer = Buffer.alloc(COPY_BYTES);
  for (let position = 0; ;) {
    const { bytesRead } = await from.read(buffer, 0, COPY_BYTES, position);
    if (bytesRead === 0) return;
    await to.writeFile(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}

/** Each batch is a part; the parts become one file, in their order. */
async function parquetWriter(lakehouse: Lakehouse, out: string, temporary: (part: string) => string): Promise<TraceWriter> {
  const session: DuckSession = await lakehouse.duck({ threads: 1 });
  await session.run('SET preserve_insertion_order = true');
  const table: EventRowsTable = await createEventRowsTable(session, 'event_rows');
  const columns = RECORDED_COLUMNS.map((name) => (name === 'key' ? '"key"' : name)).join(', ');
  const copy = async (select: string, target: string, options: string): Promise<void> =>
    session.run(`COPY (${select}) TO ${quoteLiteral(target)} (FORMAT parquet, COMPRESSION zstd${options})`);
  const parts: string[] = [];
  const whole = temporary('whole');
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw cannotWrite(out, error);
    }
  };
  const writePart = async (events: readonly ReplayEvent[]): Promise<void> => {
    await table.fill(events.map(eventRow));
    const part = temporary(`part-${parts.length}`);
    parts.push(part);
    await copy(`SELECT ${columns} FROM event_rows ORDER BY row_number`, part, '');
  };
  return {
    write: (events) => guarded(() => writePart(events)),
    finish: (header) =>
      guarded(async () => {
        if (parts.length === 0) await writePart([]);
        const list = parts.map((part) => quoteLiteral(withoutGlob(part))).join(', ');
        const metadata = `, KV_METADATA {${quoteLiteral(METADATA_KEY)}: ${quoteLiteral(JSON.stringify(header))}}`;
        await copy(`SELECT ${columns} FROM read_parquet([${list}])`, whole, metadata);
        return giveName(whole, out);
      }),
    close: async () => {
      table.close();
      await session.close();
      await Promise.all([...parts, whole].map((file) => rm(file, { force: true })));
    },
  };
}
