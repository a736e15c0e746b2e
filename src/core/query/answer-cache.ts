/**
 * The last answers of services, kept on this machine for when they are away: one file for each statement, named by its hash. Nothing here
 * is truth; a file that can't be read or written is as good as none.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { QueryResult } from '../engine/sql-engine.js';

export interface AnswerKey {
  readonly sql: string;
  /** Where the tables lie: answers of one lake are none of another's. */
  readonly lake: string;
}

export interface CachedAnswer {
  readonly result: QueryResult;
  readonly answeredAtMs: number;
}

export interface AnswerCache {
  /** Null when there is none that holds as many rows as are asked for. */
  read(key: AnswerKey, maxRows: number): Promise<CachedAnswer | null>;
  keep(key: AnswerKey, answer: CachedAnswer): Promise<void>;
}

const MOST_BYTES = 8e6;
const MOST_ANSWERS = 100;

const stored = z.object({
  sql: z.string(),
  lake: z.string(),
  answeredAtMs: z.number(),
  result: z.object({
    columns: z.array(z.object({ name: z.string(), type: z.string() })),
    rows: z.array(z.record(z.string(), z.json())),
    truncated: z.boolean(),
    bytesScanned: z.number(),
  }),
});

/** `randomName` makes a name of its own for a file that is being written. */
export function openAnswerCache(folder: string, randomName: () => string): AnswerCache {
  const fileOf = ({ sql, lake }: AnswerKey): string =>
    path.join(
      folder,
      `${createHash('sha256')
        .update(JSON.stringify([lake, sql.trim()]))
        .digest('hex')
        .slice(0, 32)}.json`,
    );
  return {
    read: async (key, maxRows) => {
      const text = await readFile(fileOf(key), 'utf8').catch(() => null);
      const read = text === null ? null : stored.safeParse(parsed(text));
      if (!read?.success || read.data.lake !== key.lake || read.data.sql !== key.sql.trim()) return null;
      const { result, answeredAtMs } = read.data;
      if (result.truncated && result.rows.length < maxRows) return null;
      const rows = result.rows.slice(0, maxRows);
      return { answeredAtMs, result: { ...result, rows, truncated: result.truncated || rows.length < result.rows.length } };
    },
    keep: async (key, { result, answeredAtMs }) => {
      const { columns, rows, truncated, bytesScanned } = result;
      const kept = { columns, rows, truncated, bytesScanned };
      const text = JSON.stringify({ sql: key.sql.trim(), lake: key.lake, answeredAtMs, result: kept });
      if (text.length > MOST_BYTES) return;
      const aside = path.join(folder, `${randomName()}.part`);
      try {
        // What people asked may be as confidential as the lake.
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(aside, text, { mode: 0o600 });
        await rename(aside, fileOf(key));
        await dropOldest(folder);
      } catch {
        await rm(aside, { force: true }).catch(() => undefined);
      }
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function dropOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  if (names.length <= MOST_ANSWERS) return;
  const files = await Promise.all(
    names.map(async (name) => ({ name, atMs: (await stat(path.join(folder, name)).catch(() => null))?.mtimeMs ?? 0 })),
  );
  for (const { name } of files.toSorted((a, b) => a.atMs - b.atMs).slice(0, files.length - MOST_ANSWERS))
    await rm(path.join(folder, name), { force: true });
}
