/** Keystone's own answer to what a table holds, in the texts of fingerprint.py: counts, decimal sums, digests of columns and rows. */
import type { ColumnDescription } from '../../src/core/table/describe-table.js';

export interface TableFingerprint {
  readonly rows: number;
  /** `sum` of decimals alone, as text. */
  readonly columns: Readonly<
    Record<string, { readonly values: number; readonly digest: string | null; readonly sum?: string | null }>
  >;
  /** Of whole rows: the columns' values belong together. */
  readonly digest: string | null;
}

/** `coarse`: no more than icebird can tell (icebird.ts): instants in milliseconds, and bytes that are no UTF-8 all alike. */
export type Grain = 'exact' | 'coarse';

/** One row per table: `name`, and `fingerprint` as JSON. */
export function fingerprintSql(
  tables: readonly { readonly name: string; readonly columns: readonly Pick<ColumnDescription, 'name' | 'type'>[] }[],
  grain: Grain = 'exact',
): string {
  return tables.map(({ name, columns }) => tableSql(name, columns, grain)).join('\nUNION ALL\n');
}

function tableSql(table: string, columns: readonly Pick<ColumnDescription, 'name' | 'type'>[], grain: Grain): string {
  const parts = columns.map(({ name, type }, n) => {
    const sum = type.startsWith('decimal') ? `, 'sum', CAST(sum(v${n}) AS VARCHAR)` : '';
    return `'${name}', json_object('values', count(t${n}), 'digest', md5(string_agg(t${n}, chr(10) ORDER BY t${n}))${sum})`;
  });
  const whole = `concat_ws(chr(31), ${columns.map((_, n) => `coalesce(t${n}, chr(1))`).join(', ')})`;
  const texts = columns.map(({ name, type }, n) => `"${name}" AS v${n}, ${textSql(`"${name}"`, type, grain)} AS t${n}`);
  return `SELECT '${table}' AS name, CAST(json_object('rows', count(*), 'columns', json_object(${parts.join(', ')}),
    'digest', md5(string_agg(${whole}, chr(10) ORDER BY ${whole}))) AS VARCHAR) AS fingerprint
    FROM (SELECT ${texts.join(', ')} FROM ${table})`;
}

/** A value as text, the same in both programs: instants and days as numbers, bytes as hexadecimal digits. */
function textSql(value: string, type: string, grain: Grain): string {
  // Towards zero, as a division of integers goes.
  if (type === 'timestamp') return `CAST(epoch_us(${value})${grain === 'coarse' ? ' // 1000' : ''} AS VARCHAR)`;
  if (type === 'date') return `CAST(date_diff('day', DATE '1970-01-01', ${value}) AS VARCHAR)`;
  if (type === 'binary' && grain === 'coarse')
    return `CASE WHEN ${value} IS NOT NULL THEN coalesce(hex(TRY(decode(${value}))), 'EFBFBD') END`;
  if (type === 'binary') return `hex(${value})`;
  if (type === 'double') return `printf('%.17g', ${value})`;
  if (type === 'list<string>') return `array_to_string(${value}, chr(30))`;
  if (type === 'list<struct<key string, value binary>>') {
    return `array_to_string(list_transform(${value}, h -> h.key || '=' || hex(h.value)), chr(30))`;
  }
  return `CAST(${value} AS VARCHAR)`;
}
