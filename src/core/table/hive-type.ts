/** Iceberg's types as Hive spells them, for catalogs that know no others. */

const HIVE_TYPES: Readonly<Record<string, string>> = {
  long: 'bigint',
  time: 'string',
  uuid: 'string',
  timestamptz: 'timestamp',
  timestamp_ns: 'timestamp',
  timestamptz_ns: 'timestamp',
};

/** An Iceberg type of the stored schema as Hive spells it, e.g. `array<struct<key:string,value:binary>>`. */
export function hiveType(type: unknown): string {
  if (typeof type === 'string') return type.startsWith('fixed') ? 'binary' : (HIVE_TYPES[type] ?? type.replaceAll(' ', ''));
  const nested = type as {
    readonly type?: unknown;
    readonly element?: unknown;
    readonly key?: unknown;
    readonly value?: unknown;
    readonly fields?: readonly { readonly name: string; readonly type: unknown }[];
  };
  if (nested.type === 'list') return `array<${hiveType(nested.element)}>`;
  if (nested.type === 'map') return `map<${hiveType(nested.key)},${hiveType(nested.value)}>`;
  return `struct<${(nested.fields ?? []).map((field) => `${field.name}:${hiveType(field.type)}`).join(',')}>`;
}
