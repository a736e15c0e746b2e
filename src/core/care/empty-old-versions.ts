/**
 * A table gets a metadata file with every commit, of 100 kB and more. Those that nobody goes back to are emptied, and their names
 * stay: a committer that is far behind would create a deleted version anew and fork the table (`table/folder-catalog.ts`).
 */
import { parseJson } from '../table/lossless-json.js';
import type { Table } from '../table/table-api.js';

/** Versions younger than this keep their contents, whatever came after them: another engine may be reading one. */
const YOUNGEST_MS = 3_600_000;
/** Versions right behind the current one that keep their contents, although no log of metadata files should name them any more. */
const NEWEST_KEPT = 100;

/** How many were emptied (or would be): those older than an hour that the current metadata's log does not name. */
export async function emptyOldVersions(table: Table, nowMs: number, options: { readonly dryRun?: boolean }): Promise<number> {
  const { metadata, location } = await table.metadata();
  const current = versionOf(location);
  if (current === null) return 0; // their names are one commit's own: delete-old-metadata.ts
  const folder = location.slice(0, location.lastIndexOf('/'));
  const { store } = table;
  const keyOf = (version: number): string => store.keyOf(`${folder}/v${version}.metadata.json`);
  const textOf = async (version: number): Promise<string> =>
    new TextDecoder().decode((await store.get(keyOf(version)))?.body ?? new Uint8Array());
  const named = (metadata['metadata-log'] ?? []).map((entry) => versionOf(entry['metadata-file']) ?? current);
  const end = Math.min(current - NEWEST_KEPT, ...named);
  // Emptied from the oldest on, so the first with contents is found by halving: no listing of a folder that only grows.
  let [emptied, full] = [0, Math.max(1, end)];
  while (full - emptied > 1) {
    const middle = Math.floor((emptied + full) / 2);
    if ((await textOf(middle)) === '') emptied = middle;
    else full = middle;
  }
  let count = 0;
  for (let version = emptied + 1; version < end; version += 1) {
    const text = await textOf(version);
    if (text === '') continue;
    if (nowMs - updatedMs(text) < YOUNGEST_MS) break;
    if (!options.dryRun) await store.put(keyOf(version), new Uint8Array());
    count += 1;
  }
  return count;
}

const versionOf = (uri: string): number | null => {
  const digits = /\/v(\d+)\.metadata\.json$/.exec(uri)?.[1];
  return digits === undefined ? null : Number(digits);
};

/** 0 for a file that is no metadata: it is of no use to anybody. */
function updatedMs(text: string): number {
  try {
    const json = parseJson(text) as { readonly 'last-updated-ms'?: unknown } | null;
    return Number(json?.['last-updated-ms'] ?? 0);
  } catch {
    return 0;
  }
}
