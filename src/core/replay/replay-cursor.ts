/**
 * How far a replay has come, kept in a file beside the project's state: written once the events that it covers are durable, replaced as a
 * whole, gone when the replay is done. What it lacks after a crash is sent again, under the same ids.
 */
import { hash } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { KeystoneError, messageOf } from '../errors.js';
import { makeFolder } from '../store/make-folder.js';
import { syncPath, writeDurably } from '../store/durable-file.js';
import type { SourcePlan } from './replay-source.js';

const offset = z.number().int().nonnegative();

const sourcePlan: z.ZodType<SourcePlan> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('topic'),
    topic: z.string(),
    topicId: z.string().nullable(),
    spans: z.array(z.object({ partition: offset, from: offset, toExclusive: offset })),
  }),
  z.object({ kind: z.literal('bronze'), snapshotId: z.string().regex(/^\d+$/), from: z.record(z.string(), offset) }),
  z.object({
    kind: z.literal('files'),
    files: z.array(z.object({ path: z.string(), sizeBytes: z.number(), modifiedMs: z.number() })),
  }),
]);

const storedCursor = z.object({
  version: z.literal(1),
  /** Part of every new id. */
  replayId: z.string(),
  /** As it was typed. */
  command: z.string(),
  startedAtMs: z.number(),
  plan: sourcePlan,
  /** Stream → the position behind the last event that is durable or was passed over. */
  next: z.record(z.string(), offset),
  /** Of all runs of this replay together. */
  counts: z.object({
    events: offset,
    bytes: offset,
    accepted: offset,
    refused: offset,
    datasets: z.record(z.string(), offset),
  }),
});

export type ReplayCursor = z.output<typeof storedCursor>;

export interface CursorFile {
  readonly path: string;
  /** Null when there is none. @throws KeystoneError KS_STATE when it is unreadable. */
  load(): Promise<ReplayCursor | null>;
  /** On disk when it resolves. */
  save(cursor: ReplayCursor): Promise<void>;
  remove(): Promise<void>;
}

/** What makes two replays the same one: the source, which of its events, and where they go; the pace may change. */
export type ReplayKey = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** @param stateFolder the folder of the project's state file. */
export function cursorFile(stateFolder: string, key: ReplayKey): CursorFile {
  const folder = path.join(stateFolder, 'replay');
  const name = hash('sha256', JSON.stringify(key), 'hex').slice(0, 16);
  const file = path.join(folder, `${name}.json`);
  const failed = (error: unknown, doing: string): KeystoneError =>
    new KeystoneError('KS_STATE', `the progress of the replay cannot be ${doing} ${file}: ${messageOf(error)}`, {
      hint: 'check the folder of state.path (keystone config show)',
      cause: error,
    });
  return {
    path: file,
    load: async () => {
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw failed(error, 'read from');
      });
      if (text === null) return null;
      try {
        return storedCursor.parse(JSON.parse(text));
      } catch (cause) {
        throw new KeystoneError('KS_STATE', `${file} holds no progress of a replay`, {
          hint: `rm ${file}, then start the replay anew: with old ids what came already is a duplicate`,
          cause,
        });
      }
    },
    save: async (cursor) => {
      const next = `${file}.next`;
      try {
        await makeFolder(folder);
        await rm(next, { force: true });
        await writeDurably(next, Buffer.from(`${JSON.stringify(cursor)}\n`, 'utf8'));
        await rename(next, file);
        await syncPath(folder);
      } catch (error) {
        throw failed(error, 'written to');
      }
    },
    remove: async () => {
      await rm(file, { force: true });
    },
  };
}
