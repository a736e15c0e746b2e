/** From ODCS types to a column's type: the logical type says the family, the physical type the size. */
import type { ColumnType } from './contract.js';
import type { OdcsProperty } from './odcs.js';

export type ColumnTypeOutcome =
  | { readonly kind: 'type'; readonly type: ColumnType }
  | { readonly kind: 'unusable'; readonly reason: string };

const LONG = /^(bigint|long|int8|int64)$/;
const INTEGER = /^(int|integer|smallint|tinyint|short|int2|int4|int32)$/;
const DOUBLE = /^(double|double precision|float|float4|float8|float64|real|number)$/;
const STRING = /^(string|text|uuid|(var)?char(\(\d+\))?|character varying(\(\d+\))?)$/;
const DECIMAL = /^(?:decimal|numeric|number)\((\d+)(?:,(\d+))?\)$/;
const TIMESTAMP = /^(timestamp|datetime|timestamp without time zone|timestamp_ntz)(\(\d\))?$/;
const ZONED = /^(timestamptz|timestamp with time zone|timestamp_tz|datetimeoffset)(\(\d\))?$/;

const typed = (type: ColumnType): ColumnTypeOutcome => ({ kind: 'type', type });
const unusable = (reason: string): ColumnTypeOutcome => ({ kind: 'unusable', reason });

/** A column's type, or why Keystone has no such columns (times of day, zoned timestamps, nested values, sizeless decimals). */
export function columnTypeOf(property: OdcsProperty): ColumnTypeOutcome {
  const physical = property.physicalType
    ?.trim()
    .toLowerCase()
    .replaceAll(/\s*([(),])\s*/g, '$1');
  const options: Readonly<Record<string, unknown>> = property.logicalTypeOptions ?? {};
  if (physical !== undefined && ZONED.test(physical)) {
    return unusable('timestamps are UTC and without zone here: use a TIMESTAMP without time zone');
  }
  switch (property.logicalType) {
    case 'string':
      return typed({ kind: 'string' });
    case 'boolean':
      return typed({ kind: 'boolean' });
    case 'date':
      return typed({ kind: 'date' });
    case 'timestamp':
      if (options['timezone'] === true)
        return unusable('timestamps are UTC and without zone here: set logicalTypeOptions.timezone to false');
      return typed({ kind: 'timestamp' });
    case 'integer':
      if (physical === undefined) return typed({ kind: options['format'] === 'i32' ? 'integer' : 'long' });
      if (INTEGER.test(physical)) return typed({ kind: options['format'] === 'i64' ? 'long' : 'integer' });
      return typed({ kind: 'long' });
    case 'number':
      return physical === undefined ? typed({ kind: 'double' }) : numberType(physical);
    case undefined:
      return physical === undefined ? unusable('a column needs a logicalType') : physicalOnly(physical);
    case 'time':
      return unusable('there are no columns for times of day: use a string');
    default:
      return unusable(`columns of logicalType ${property.logicalType} are not supported: give its parts as columns of their own`);
  }
}

function numberType(physical: string): ColumnTypeOutcome {
  const decimal = DECIMAL.exec(physical);
  if (decimal) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2] ?? 0)];
    if (precision < 1 || precision > 38 || scale > precision) {
      return unusable(`${physical} is no decimal: the precision is 1 to 38, the scale at most the precision`);
    }
    return typed({ kind: 'decimal', precision, scale });
  }
  if (/^(decimal|numeric)$/.test(physical)) return unusable('a decimal needs its size: write physicalType DECIMAL(12,2)');
  if (LONG.test(physical)) return typed({ kind: 'long' });
  if (INTEGER.test(physical)) return typed({ kind: 'integer' });
  if (DOUBLE.test(physical)) return typed({ kind: 'double' });
  return unusable(`physicalType ${physical} is no number that Keystone knows: use DOUBLE, DECIMAL(p,s), INTEGER or BIGINT`);
}

function physicalOnly(physical: string): ColumnTypeOutcome {
  if (STRING.test(physical)) return typed({ kind: 'string' });
  if (/^bool(ean)?$/.test(physical)) return typed({ kind: 'boolean' });
  if (physical === 'date') return typed({ kind: 'date' });
  if (TIMESTAMP.test(physical)) return typed({ kind: 'timestamp' });
  const number = numberType(physical);
  return number.kind === 'type' ? number : unusable(`physicalType ${physical} alone does not say the type: add a logicalType`);
}
