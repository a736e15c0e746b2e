/**
 * What icebird, an Iceberg reader in JavaScript that shares nothing with Keystone, reads of a table: the texts of fingerprint.py.
 * What it cannot do (0.3.1): it has no row filters, so there is no pruning to look at; a table without rows is an error; instants are
 * Dates, so microseconds are cut off; money is a float, exact to some 15 digits; bytes are decoded as UTF-8, so other bytes are lost;
 * it travels to metadata files and not to snapshots, which is why the metadata is handed to it with the snapshot as its current one.
 */
import { icebergMetadata, icebergRead } from 'icebird';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { vi } from 'vitest';
import type { ColumnDescription } from '../../src/core/table/describe-table.js';
import type { TableFingerprint } from './table-fingerprint.js';

const NULL = '\u0001';
const FIELD = '\u001F';
const ITEM = '\u001E';
/** What bytes that are no UTF-8 are decoded to. */
const REPLACEMENT = '\uFFFD';

export interface TableRequest {
  readonly name: string;
  readonly columns: readonly Pick<ColumnDescription, 'name' | 'type'>[];
  readonly metadata: string;
  /** Null: the metadata's own. */
  readonly snapshotId: string | null;
}

/** To be compared with Keystone's `coarse` ones. */
export async function icebirdFingerprints(
  requests: readonly TableRequest[],
): Promise<Readonly<Record<string, TableFingerprint>>> {
  // It knows the web alone; the files are on the disk.
  vi.stubGlobal('fetch', fetchFile);
  try {
    const found: Record<string, TableFingerprint> = {};
    for (const request of requests) found[request.name] = fingerprint(request.columns, await rowsOf(request));
    return found;
  } finally {
    vi.unstubAllGlobals();
  }
}

type Rows = readonly Readonly<Record<string, unknown>>[];

async function rowsOf({ metadata: location, snapshotId }: TableRequest): Promise<Rows> {
  const file = location.replace(/^file:\/\//, '');
  const tableUrl = path.dirname(path.dirname(file));
  const metadata = await icebergMetadata({ tableUrl, metadataFileName: path.basename(file) });
  const current = snapshotId === null ? {} : { 'current-snapshot-id': Number(snapshotId) };
  return icebergRead({ tableUrl, metadata: { ...metadata, ...current } });
}

/** A whole file or the bytes that a Range header asks for. */
async function fetchFile(url: string, init: RequestInit = {}): Promise<Response> {
  const bytes = await readFile(url.replace(/^file:\/\//, ''));
  const range = /^bytes=(\d+)-(\d*)$/.exec(new Headers(init.headers).get('range') ?? '');
  if (!range) return new Response(bytes);
  const [, from, to] = range;
  return new Response(bytes.subarray(Number(from), to === '' ? undefined : Number(to) + 1), { status: 206 });
}

function fingerprint(columns: TableRequest['columns'], rows: Rows): TableFingerprint {
  const texts = columns.map(({ name, type }) => rows.map((row) => textOf(row[name], type)));
  const described = columns.map(({ name, type }, n) => {
    const present = (texts[n] ?? []).filter((text) => text !== null);
    const sum = type.startsWith('decimal') ? { sum: sumOf(present) } : {};
    return [name, { values: present.length, digest: digestOf(present), ...sum }] as const;
  });
  const whole = rows.map((_, at) => texts.map((column) => column[at] ?? NULL).join(FIELD));
  return { rows: rows.length, columns: Object.fromEntries(described), digest: digestOf(whole) };
}

function textOf(value: unknown, type: string): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return String(type === 'date' ? value.getTime() / 86_400_000 : value.getTime());
  if (Array.isArray(value)) return value.map((item) => textOf(item, '')).join(ITEM);
  if (typeof value === 'string') return type === 'binary' ? hex(value.includes(REPLACEMENT) ? REPLACEMENT : value) : value;
  if (typeof value === 'number') return numberText(value, type);
  if (typeof value === 'object') {
    const { key, value: bytes } = value as { readonly key: string; readonly value: string };
    return `${key}=${hex(bytes)}`;
  }
  return String(value as bigint | boolean);
}

const hex = (text: string): string => Buffer.from(text).toString('hex').toUpperCase();

function numberText(value: number, type: string): string {
  const scale = /^decimal\(\d+, ?(\d+)\)$/.exec(type)?.[1];
  if (scale !== undefined) return value.toFixed(Number(scale));
  return type === 'double' ? shortest17(value) : String(value);
}

/** C's `%.17g`. */
function shortest17(value: number): string {
  if (Object.is(value, -0)) return '-0';
  const [digits = '', power = ''] = value.toExponential(16).split('e');
  const exponent = Number(power);
  const trimmed = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent >= -4 && exponent < 17) return trimmed(value.toFixed(16 - exponent));
  return `${trimmed(digits)}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

/** Of decimals of one scale. */
function sumOf(decimals: readonly string[]): string | null {
  const [first] = decimals;
  if (first === undefined) return null;
  const scale = first.includes('.') ? first.length - first.indexOf('.') - 1 : 0;
  const sum = decimals.reduce((total, text) => total + BigInt(text.replace('.', '')), 0n);
  const digits = String(sum < 0n ? -sum : sum).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  return `${sum < 0n ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ''}`;
}

/** In the order of their bytes, as the other programs sort. */
function digestOf(texts: readonly string[]): string | null {
  if (texts.length === 0) return null;
  const sorted = texts.map((text) => Buffer.from(text)).toSorted((a, b) => Buffer.compare(a, b));
  return createHash('md5')
    .update(sorted.map((bytes) => bytes.toString()).join('\n'))
    .digest('hex');
}
