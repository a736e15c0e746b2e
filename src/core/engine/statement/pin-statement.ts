/** Writes a statement anew with other table names and versions, and finds places of the new text in the old one. */
import { quoteIdentifier } from '../sql-text.js';
import type { TableReference } from './query-outline.js';

/** What stands in the place of one table's name. */
export interface PinnedName {
  readonly reference: TableReference;
  readonly database: string;
  readonly table: string;
  /** Snapshot that is read; null: what is current when the service looks. */
  readonly snapshotId: bigint | null;
}

export interface RewrittenStatement {
  readonly sql: string;
  /** Line and column (from 1) of the given text, for those of the new one. */
  readonly placeOf: (line: number, column: number) => { readonly line: number; readonly column: number };
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export function pinStatement(sql: string, pins: readonly PinnedName[]): RewrittenStatement {
  const edits = pins
    .map(({ reference, database, table, snapshotId }): Edit => {
      const query = reference.isQuery ? 'SELECT * FROM ' : '';
      const version = snapshotId === null ? '' : ` FOR VERSION AS OF ${snapshotId}`;
      return {
        start: reference.start,
        end: reference.end,
        text: `${query}${quoteIdentifier(database)}.${quoteIdentifier(table)}${version}`,
      };
    })
    .toSorted((a, b) => a.start - b.start);
  let written = '';
  let end = 0;
  for (const edit of edits) {
    written += sql.slice(end, edit.start) + edit.text;
    end = edit.end;
  }
  written += sql.slice(end);
  return { sql: written, placeOf: (line, column) => placeAt(sql, oldOffset(edits, offsetOf(written, line, column))) };
}

/** A place within a name that was written anew is where that name began. */
function oldOffset(edits: readonly Edit[], offset: number): number {
  let shift = 0;
  for (const { start, end, text } of edits) {
    const newStart = start + shift;
    if (offset < newStart) break;
    if (offset < newStart + text.length) return start;
    shift += text.length - (end - start);
  }
  return offset - shift;
}

function offsetOf(text: string, line: number, column: number): number {
  const before = text.split('\n').slice(0, line - 1);
  return before.reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
}

function placeAt(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
