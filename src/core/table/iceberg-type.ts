/**
 * Iceberg's types: between their JSON in table metadata, the port's `IcebergType`, and DuckDB's SQL names.
 * https://iceberg.apache.org/spec/#schemas-and-data-types
 */
import { z } from 'zod';
import { quoteIdentifier } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import { type Json, type JsonObject, toJson } from './lossless-json.js';
import type { IcebergPrimitive, IcebergType, TableField } from './table-api.js';

const DUCK_TYPES: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  string: 'VARCHAR',
  binary: 'BLOB',
};

/** Precision and scale of `decimal(P,S)`, or null for every other type. */
export function decimalOf(type: string): { readonly precision: number; readonly scale: number } | null {
  const match = /^decimal\((\d+), ?(\d+)\)$/.exec(type);
  return match ? { precision: Number(match[1]), scale: Number(match[2]) } : null;
}

const storedField = z.looseObject({
  id: z.number().int(),
  name: z.string(),
  required: z.boolean(),
  type: z.unknown(),
  doc: z.string().optional(),
});
const storedList = z.looseObject({ type: z.literal('list'), 'element-id': z.number().int(), element: z.unknown() });
const storedStruct = z.looseObject({ type: z.literal('struct'), fields: z.array(storedField) });

/** Reads the fields of a stored schema; throws KS_TABLE_UNSUPPORTED naming the column whose type Keystone does not read, KS_TABLE_CORRUPT. */
export const parseFields = (fields: readonly unknown[]): readonly TableField[] =>
  fields.map((field) => {
    const stored = storedField.safeParse(field);
    if (stored.success) return parseField(stored.data);
    const { name = '?' } = field as { readonly name?: unknown };
    const issue = stored.error.issues[0];
    throw new KeystoneError(
      'KS_TABLE_CORRUPT',
      `Column "${String(name)}" of the stored schema is no Iceberg field: ${issue?.path.join('.')}: ${issue?.message}`,
      { hint: 'Compare the newest metadata file with those of lower number beside it.', cause: stored.error },
    );
  });

/** No table nests deeper; one that claims to would end the process instead of its reading. */
const MAX_DEPTH = 100;

function parseField(field: z.output<typeof storedField>, depth = 0): TableField {
  return {
    id: field.id,
    name: field.name,
    type: parseType(field.type, field.name, depth),
    required: field.required,
    ...(field.doc === undefined ? {} : { doc: field.doc }),
  };
}

function parseType(type: unknown, column: string, depth: number): IcebergType {
  if (depth > MAX_DEPTH) {
    throw new KeystoneError('KS_TABLE_UNSUPPORTED', `Column "${column.slice(0, 100)}" is nested more than ${MAX_DEPTH} times`, {
      hint: 'Drop or convert the column with the engine that added it.',
    });
  }
  if (typeof type === 'string') {
    const decimal = decimalOf(type);
    if (decimal) return `decimal(${decimal.precision},${decimal.scale})`;
    if (Object.hasOwn(DUCK_TYPES, type)) return type as IcebergPrimitive;
  }
  const list = storedList.safeParse(type);
  if (list.success)
    return {
      kind: 'list',
      elementId: list.data['element-id'],
      element: parseType(list.data.element, `${column}.element`, depth + 1),
    };
  const struct = storedStruct.safeParse(type);
  if (struct.success) return { kind: 'struct', fields: struct.data.fields.map((field) => parseField(field, depth + 1)) };
  throw new KeystoneError(
    'KS_TABLE_UNSUPPORTED',
    `Column "${column}" has the type ${toJson(type as Json)}, which Keystone does not read`,
    {
      hint: 'Drop or convert the column with the engine that added it.',
    },
  );
}

/** A field as table metadata stores it. */
export const fieldJson = (field: TableField): JsonObject => ({
  id: field.id,
  name: field.name,
  required: field.required,
  type: typeJson(field.type),
  ...(field.doc === undefined ? {} : { doc: field.doc }),
});

function typeJson(type: IcebergType): string | JsonObject {
  if (typeof type === 'string') return type;
  if (type.kind === 'struct') return { type: 'struct', fields: type.fields.map(fieldJson) };
  return { type: 'list', 'element-id': type.elementId, element: typeJson(type.element), 'element-required': false };
}

/** The type as DuckDB's SQL spells it, e.g. `STRUCT("key" VARCHAR, "value" BLOB)[]`. */
export function duckType(type: IcebergType): string {
  if (typeof type === 'string') return DUCK_TYPES[type] ?? type.toUpperCase();
  if (type.kind === 'list') return `${duckType(type.element)}[]`;
  return `STRUCT(${type.fields.map((field) => `${quoteIdentifier(field.name)} ${duckType(field.type)}`).join(', ')})`;
}

/** The type as a person reads it, e.g. `list<struct<key string, value binary>>`; equal texts mean equal types, whatever the field ids. */
export function typeText(type: IcebergType): string {
  if (typeof type === 'string') return type;
  if (type.kind === 'list') return `list<${typeText(type.element)}>`;
  return `struct<${type.fields.map((field) => `${field.name} ${typeText(field.type)}`).join(', ')}>`;
}

/** Every primitive of a schema, nested ones included, with the names on the way to it (a list's step is `element`). */
export function primitivesOf(
  fields: readonly TableField[],
): readonly { readonly id: number; readonly path: readonly string[]; readonly type: IcebergPrimitive }[] {
  const inside = (id: number, path: readonly string[], type: IcebergType): ReturnType<typeof primitivesOf> => {
    if (typeof type === 'string') return [{ id, path, type }];
    if (type.kind === 'list') return inside(type.elementId, [...path, 'element'], type.element);
    return type.fields.flatMap((field) => inside(field.id, [...path, field.name], field.type));
  };
  return fields.flatMap((field) => inside(field.id, [field.name], field.type));
}

/** All field ids of a schema, nested ones included. */
export function fieldIds(fields: readonly TableField[]): readonly number[] {
  const inside = (type: IcebergType): readonly number[] => {
    if (typeof type === 'string') return [];
    return type.kind === 'list' ? [type.elementId, ...inside(type.element)] : fieldIds(type.fields);
  };
  return fields.flatMap((field) => [field.id, ...inside(field.type)]);
}

/** The same type under fresh field ids. */
export function withFreshIds(type: IcebergType, nextId: () => number): IcebergType {
  if (typeof type === 'string') return type;
  if (type.kind === 'list') return { kind: 'list', elementId: nextId(), element: withFreshIds(type.element, nextId) };
  const ids = type.fields.map(() => nextId());
  return {
    kind: 'struct',
    fields: type.fields.map((field, i) => ({ ...field, id: ids[i] ?? nextId(), type: withFreshIds(field.type, nextId) })),
  };
}
