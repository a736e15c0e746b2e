/**
 * Avro object container files (https://avro.apache.org/docs/1.11.1/specification/#object-container-files) as Iceberg uses them:
 * the schema text goes into the header as it is (its `field-id`s must survive), longs are exact.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import avsc from 'avsc';
import { KeystoneError, messageOf } from '../errors.js';

/** A schema in its JSON form. */
export type AvroSchema = string | readonly AvroSchema[] | { readonly [key: string]: unknown };

const MAGIC = Buffer.from('Obj\u0001', 'latin1');
const SYNC_BYTES = 16;

/** A number where a double is exact, else a bigint. */
// oxlint-disable-next-line no-underscore-dangle -- avsc's own name
const exactLong = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer): number | bigint => {
    const exact = bytes.readBigInt64LE();
    const rounded = Number(exact);
    return Number.isSafeInteger(rounded) ? rounded : exact;
  },
  toBuffer: (value: number | bigint): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  fromJSON: (value: unknown) => value,
  toJSON: (value: unknown) => value,
  isValid: (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value),
  compare: (a: number | bigint, b: number | bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/** Far more than the largest manifest: a block that claims to be larger is no manifest's. */
const MAX_BLOCK_BYTES = 1_073_741_824;

interface Tap {
  readonly buf: Buffer;
  readonly pos: number;
  readLong(): number;
  skipLong(): void;
}

/**
 * avsc believes the count that stands before an array's items, and reads as many of them beyond the end of the block: one flipped bit
 * would take all memory. Each item has at least one byte.
 */
class BoundedArray extends avsc.types.ArrayType {
  // oxlint-disable-next-line no-underscore-dangle -- avsc's own name
  _read(tap: Tap): unknown[] {
    const items = this.itemsType as unknown as { _read(from: Tap): unknown };
    const values: unknown[] = [];
    for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
      if (count < 0) {
        count = -count;
        tap.skipLong();
      }
      if (!(count <= tap.buf.length - tap.pos)) throw new Error('an array is cut off');
      // oxlint-disable-next-line no-underscore-dangle -- avsc's own name
      for (let i = 0; i < count; i++) values.push(items._read(tap));
      if (tap.pos > tap.buf.length) throw new Error('an array is cut off');
    }
    return values;
  }
}

/** Manifests have neither maps (Iceberg writes its own as arrays) nor a type that reads on forever. */
function boundedType(schema: unknown, options: object): avsc.Type | undefined {
  const { type } = schema as { readonly type?: unknown };
  if (type === 'map' || type === 'error') throw new Error(`no manifest has a field of the type ${type}`);
  return type === 'array' ? new BoundedArray(schema as avsc.Schema, options) : undefined;
}

const compiled = new Map<string, avsc.Type>();

/** Compiling costs a millisecond and a schema comes back with every manifest, so compiled ones are kept (they are few). */
function compile(schema: AvroSchema): avsc.Type {
  const text = JSON.stringify(schema);
  let type = compiled.get(text);
  if (!type) {
    if (compiled.size >= 200) compiled.clear();
    type = avsc.Type.forSchema(JSON.parse(text), { registry: { long: exactLong }, wrapUnions: 'never', typeHook: boundedType });
    compiled.set(text, type);
  }
  return type;
}

/** One container file with one deflated block; `header` holds Iceberg's own header keys. */
export function encodeAvro(
  schema: AvroSchema,
  records: readonly unknown[],
  header: Readonly<Record<string, string>>,
): Uint8Array {
  const type = compile(schema);
  const body = deflateRawSync(Buffer.concat(records.map((record) => type.toBuffer(record))), { level: 6 });
  const metadata = { 'avro.schema': JSON.stringify(schema), 'avro.codec': 'deflate', ...header };
  const entries = Object.entries(metadata).flatMap(([key, value]) =>
    [key, value].map((text) => lengthPrefixed(Buffer.from(text))),
  );
  // Any 16 bytes that don't occur by accident will do; these need no source of randomness.
  const sync = createHash('sha256').update(body).digest().subarray(0, SYNC_BYTES);
  const block = records.length === 0 ? [] : [zigzag(records.length), zigzag(body.length), body, sync];
  return Buffer.concat([MAGIC, zigzag(Object.keys(metadata).length), ...entries, zigzag(0), sync, ...block]);
}

export interface AvroFile {
  /** The writer's schema, field names as `rename` gave them. */
  readonly schema: AvroSchema;
  readonly records: readonly unknown[];
  /** The writer's own header keys, those of Avro left out. */
  readonly header: Readonly<Record<string, string>>;
}

/**
 * Reads a container file. `rename` may change the schema's names before decoding, which changes only the keys of the records.
 * Throws KS_TABLE_CORRUPT when `bytes` is no such file, KS_TABLE_UNSUPPORTED for a codec other than null and deflate.
 */
export function decodeAvro(bytes: Uint8Array, name: string, rename: (schema: AvroSchema) => AvroSchema): AvroFile {
  try {
    return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), name, rename);
  } catch (error) {
    if (error instanceof KeystoneError) throw error;
    throw new KeystoneError('KS_TABLE_CORRUPT', `${name} is no readable Avro file: ${messageOf(error)}`, {
      hint: 'Roll the table back to a snapshot before this file was written (keystone table show lists them).',
      cause: error,
    });
  }
}

function decode(bytes: Buffer, name: string, rename: (schema: AvroSchema) => AvroSchema): AvroFile {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('the first four bytes are not those of Avro');
  const cursor = { at: MAGIC.length };
  const header = new Map<string, string>();
  for (let entries = readLong(bytes, cursor); entries !== 0; entries = readLong(bytes, cursor)) {
    if (entries < 0) readLong(bytes, cursor); // a negative count is followed by the block's size
    for (let i = 0; i < Math.abs(entries); i++) {
      const key = readBytes(bytes, cursor, readLong(bytes, cursor)).toString();
      header.set(key, readBytes(bytes, cursor, readLong(bytes, cursor)).toString());
    }
  }
  const sync = readBytes(bytes, cursor, SYNC_BYTES);
  const codec = header.get('avro.codec') ?? 'null';
  if (codec !== 'null' && codec !== 'deflate') {
    throw new KeystoneError('KS_TABLE_UNSUPPORTED', `${name} is compressed with ${codec}; Keystone reads deflate`, {
      hint: "Set the table property write.avro.compression-codec to gzip in the engine that wrote it, and rewrite the table's manifests there.",
    });
  }
  const schema = rename(JSON.parse(header.get('avro.schema') ?? 'null'));
  const type = compile(schema);
  const records: unknown[] = [];
  while (cursor.at < bytes.length) {
    const count = readLong(bytes, cursor);
    const stored = readBytes(bytes, cursor, readLong(bytes, cursor));
    const block = codec === 'deflate' ? inflateRawSync(stored, { maxOutputLength: MAX_BLOCK_BYTES }) : stored;
    let at = 0;
    for (let i = 0; i < count; i++) {
      const { value, offset } = type.decode(block, at);
      // Each record has at least one byte: a count without records behind it would read on forever.
      if (offset <= at) throw new Error(`record ${records.length} is cut off`);
      records.push(value);
      at = offset;
    }
    if (at !== block.length) throw new Error('a block has more bytes than its records');
    if (!readBytes(bytes, cursor, SYNC_BYTES).equals(sync)) throw new Error('a block does not end in the sync marker');
  }
  return { schema, records, header: Object.fromEntries([...header].filter(([key]) => !key.startsWith('avro.'))) };
}

function readBytes(bytes: Buffer, cursor: { at: number }, length: number): Buffer {
  if (length < 0 || cursor.at + length > bytes.length) throw new Error('the file is cut off');
  cursor.at += length;
  return bytes.subarray(cursor.at - length, cursor.at);
}

/** A zigzag varint; the counts and lengths of a container are far below 2^53. */
function readLong(bytes: Buffer, cursor: { at: number }): number {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = readBytes(bytes, cursor, 1)[0] as number;
    value += (byte & 127) * scale;
    if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

function zigzag(count: number): Buffer {
  const bytes: number[] = [];
  let rest = count * 2;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

const lengthPrefixed = (bytes: Buffer): Buffer => Buffer.concat([zigzag(bytes.length), bytes]);
