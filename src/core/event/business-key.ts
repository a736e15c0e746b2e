/**
 * The partition key of an event, so that all versions of one business key share a partition and keep their order
 * (docs/formats.md, "Event envelope in the log").
 */
import type { Contract } from '../contract/contract.js';

/** How the partition key of an event is chosen: the contract's key columns, the event id, or no key (round-robin). */
export type KeyMode = 'business' | 'event-id' | 'none';

/** Key bytes of one event; `valueOf` answers the payload's value of a column, undefined where there is none. */
export type KeyOf = (eventId: string, valueOf: (column: string) => unknown) => Uint8Array | null;

/** Two writings of one integer are one key for silver, so they must be one key here. */
function canonicalInteger(text: string): string {
  const match = /^\s*([+-]?)0*(\d+)\s*$/.exec(text);
  if (!match) return text;
  return match[1] === '-' && match[2] !== '0' ? `-${match[2]}` : (match[2] ?? text);
}

/**
 * The key maker of one dataset. One key column: its text. Several: a JSON array of their texts, which no two different lists
 * share. Where a key column is null, empty, or no scalar, the event id.
 */
export function keyOfDataset(mode: KeyMode, contract: Contract | undefined): KeyOf {
  if (mode === 'none') return () => null;
  const columns = mode === 'business' ? (contract?.key ?? []) : [];
  const described = columns.map((name) => {
    const column = contract?.columns.find((candidate) => candidate.name === name);
    return { name, isInteger: column?.type.kind === 'integer' || column?.type.kind === 'long', trim: column?.trim ?? false };
  });
  const textOf = (column: (typeof described)[number], value: unknown): string | null => {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return null;
    const text = column.trim ? String(value).trim() : String(value);
    if (text === '') return null;
    return column.isInteger ? canonicalInteger(text) : text;
  };
  return (eventId, valueOf) => {
    const texts: string[] = [];
    for (const column of described) {
      const text = textOf(column, valueOf(column.name));
      if (text === null) return Buffer.from(eventId, 'utf8');
      texts.push(text);
    }
    if (texts.length === 0) return Buffer.from(eventId, 'utf8');
    return Buffer.from(texts.length === 1 ? (texts[0] ?? '') : JSON.stringify(texts), 'utf8');
  };
}

/** Looks columns up in a JSON payload; parses it on the first look-up only, and finds nothing where it is no JSON object. */
export function jsonColumns(payload: Uint8Array): (column: string) => unknown {
  let fields: unknown;
  let parsed = false;
  return (column) => {
    if (!parsed) {
      parsed = true;
      try {
        fields = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'));
      } catch {
        fields = null;
      }
    }
    if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, column)) return undefined;
    return (fields as Record<string, unknown>)[column];
  };
}
