/**
 * Columns of Arrow (https://arrow.apache.org/docs/format/Columnar.html) built from flat buffers, for values of any engine: each builder is
 * told how to read what it needs from a value. No digit of a decimal and no microsecond passes through a JavaScript number.
 */
import {
  type Binary,
  Bool,
  type Data,
  type DataType,
  Decimal,
  Field,
  FixedSizeList,
  List,
  Map_,
  makeData,
  Struct,
  type Utf8,
} from 'apache-arrow';
import { KeystoneError } from '../errors.js';

/** One column: its Arrow type, and the Arrow data of a batch of its values; `V` has null for what is absent. */
export interface ArrowColumn<V> {
  readonly type: DataType;
  readonly build: (values: readonly V[]) => Data;
}

interface Validity {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array;
}

/** Bit n is set where value n is not null. */
function validityOf(values: readonly unknown[]): Validity {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8));
  let nullCount = 0;
  for (const [index, value] of values.entries()) {
    if (value === null) nullCount += 1;
    else setBit(nullBitmap, index);
  }
  return { length: values.length, nullCount, nullBitmap };
}

function setBit(bitmap: Uint8Array, index: number): void {
  bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
}

type NumberArray = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array;

export const numbers = <V>(
  type: DataType,
  arrayOf: new (length: number) => NumberArray,
  numberOf: (value: V) => number = Number,
): ArrowColumn<V> => ({
  type,
  build: (values) => {
    const data = new arrayOf(values.length);
    for (const [index, value] of values.entries()) if (value !== null) data[index] = numberOf(value);
    return makeData({ type, ...validityOf(values), data } as never);
  },
});

export const longs = <V>(
  type: DataType,
  arrayOf: new (length: number) => BigInt64Array | BigUint64Array,
  longOf: (value: V) => bigint,
): ArrowColumn<V> => ({
  type,
  build: (values) => {
    const data = new arrayOf(values.length);
    for (const [index, value] of values.entries()) if (value !== null) data[index] = longOf(value);
    return makeData({ type, ...validityOf(values), data } as never);
  },
});

export const booleans = <V>(): ArrowColumn<V> => ({
  type: new Bool(),
  build: (values) => {
    const data = new Uint8Array(Math.ceil(values.length / 8));
    for (const [index, value] of values.entries()) if (value === true) setBit(data, index);
    return makeData({ type: new Bool(), ...validityOf(values), data });
  },
});

/** The largest number of 38 digits, as many as a decimal of 128 bits promises. */
const MOST_DIGITS = 10n ** 38n - 1n;

/** Two's complement of 128 bits, the lower half first; `unscaledOf`: the digits as a whole number. Throws KS_SQL beyond 38 digits. */
export function decimals<V>(precision: number, scale: number, unscaledOf: (value: V) => bigint): ArrowColumn<V> {
  const type = new Decimal(scale, precision, 128);
  return {
    type,
    build: (values) => {
      const halves = new BigUint64Array(values.length * 2);
      for (const [index, value] of values.entries()) {
        if (value === null) continue;
        const unscaled = unscaledOf(value);
        if (unscaled > MOST_DIGITS || unscaled < -MOST_DIGITS) {
          throw new KeystoneError('KS_SQL', `${unscaled} has more digits than the 38 of Arrow's decimals`, {
            hint: 'cast the column in the SQL: CAST(x AS VARCHAR) or CAST(x AS DOUBLE)',
          });
        }
        halves[index * 2] = BigInt.asUintN(64, unscaled);
        halves[index * 2 + 1] = BigInt.asUintN(64, unscaled >> 64n);
      }
      return makeData({ type, ...validityOf(values), data: new Uint32Array(halves.buffer) });
    },
  };
}

/** Offsets, and the bytes one after the other. */
export const variable = <V>(type: Utf8 | Binary, bytesOf: (value: V) => Uint8Array): ArrowColumn<V> => ({
  type,
  build: (values) => {
    const parts = values.map((value) => (value === null ? null : bytesOf(value)));
    const valueOffsets = offsetsOf(parts.map((part) => part?.length ?? 0));
    const data = new Uint8Array(valueOffsets.at(-1) ?? 0);
    for (const [index, part] of parts.entries()) if (part) data.set(part, valueOffsets[index]);
    return makeData({ type, ...validityOf(values), valueOffsets, data } as never);
  },
});

/** Arrow's offsets of 32 bits end at 2 GiB for one batch. */
function offsetsOf(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1);
  let end = 0;
  for (const [index, length] of lengths.entries()) {
    end += length;
    if (end > 0x7fff_ffff) {
      throw new KeystoneError('KS_ENGINE', `${lengths.length} rows of the result hold more than 2 GiB in one column`, {
        hint: 'ask for a part of the column, e.g. substr(x, 1, 1000)',
      });
    }
    offsets[index + 1] = end;
  }
  return offsets;
}

/** `itemsOf`: of null an empty list. */
export function lists<V>(item: ArrowColumn<V>, itemsOf: (value: V) => readonly V[]): ArrowColumn<V> {
  const type = new List(new Field('item', item.type, true));
  return {
    type,
    build: (values) => {
      const items = values.map(itemsOf);
      const valueOffsets = offsetsOf(items.map((each) => each.length));
      return makeData({ type, ...validityOf(values), valueOffsets, child: item.build(items.flatMap((each) => each)) });
    },
  };
}

/** Lists of one length; `itemsOf`: of null as many nulls. */
export function arrays<V>(item: ArrowColumn<V>, size: number, itemsOf: (value: V) => readonly V[]): ArrowColumn<V> {
  const type = new FixedSizeList(size, new Field('item', item.type, true));
  return {
    type,
    build: (values) => makeData({ type, ...validityOf(values), child: item.build(values.flatMap((value) => itemsOf(value))) }),
  };
}

/** `fieldOf`: of null and of an absent field null. */
export function structs<V>(
  fields: readonly { readonly name: string; readonly column: ArrowColumn<V> }[],
  fieldOf: (value: V, name: string) => V,
): ArrowColumn<V> {
  const type = new Struct(fields.map(({ name, column }) => new Field(name, column.type, true)));
  return {
    type,
    build: (values) => {
      const children = fields.map(({ name, column }) => column.build(values.map((value) => fieldOf(value, name))));
      return makeData({ type, ...validityOf(values), children });
    },
  };
}

/** `entriesOf`: keys and values; of null none. */
export function maps<V>(
  key: ArrowColumn<V>,
  item: ArrowColumn<V>,
  entriesOf: (value: V) => readonly { readonly key: V; readonly value: V }[],
): ArrowColumn<V> {
  const entry = new Struct<{ key: DataType; value: DataType }>([
    new Field('key', key.type, false),
    new Field('value', item.type, true),
  ]);
  const type = new Map_(new Field('entries', entry, false));
  return {
    type,
    build: (values) => {
      const entries = values.map(entriesOf);
      const all = entries.flatMap((each) => each);
      const children = [key.build(all.map((each) => each.key)), item.build(all.map((each) => each.value))];
      const child = makeData({ type: entry, length: all.length, nullCount: 0, children });
      const valueOffsets = offsetsOf(entries.map((each) => each.length));
      return makeData({ type, ...validityOf(values), valueOffsets, child } as never);
    },
  };
}
