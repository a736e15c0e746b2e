/**
 * The one pass that turns the JSON objects of a dataset into typed rows and says why a row is rejected, compiled from its contract.
 * Narrow on purpose: the payload itself is not carried along (that was worth a factor of two); rejects are joined back to bronze.
 */
import { compileRowRules } from '../contract/compile-row-rules.js';
import type { Contract } from '../contract/contract.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import { castSql } from './cast-sql.js';

/** What every row of a range carries besides its columns. */
export const POSITION_COLUMNS = ['_topic', '_partition', '_offset', '_event_id', '_log_time'] as const;

/**
 * SELECT over `from` (columns `POSITION_COLUMNS` and `_text`, a valid JSON object): the contract's columns typed, and
 * - `_reasons`: list of `duplicate_json_key`, `missing:<column>`, `bad_type:<column>`, `rule:<check>`; NULL for a good row;
 * - `_hint`: the silver partition as text, or NULL;
 * - `_extra`: names of fields the contract does not know, NULL when there are none (drift, no reason to reject).
 */
export function typedRowsSql(contract: Contract, from: string): string {
  const columns = contract.columns.map((column) => ({ column, name: quoteIdentifier(column.name), cast: castSql(column) }));
  const names = `[${contract.columns.map((column) => quoteLiteral(column.name)).join(', ')}]`;
  const shape = `{${contract.columns.map((column) => `${JSON.stringify(column.name)}:"VARCHAR"`).join(',')}}`;
  const position = POSITION_COLUMNS.join(', ');
  const required = columns.filter(({ column }) => column.required || contract.key.includes(column.name));
  const reasons = [
    ...required.map(({ column, name }) => ({
      reason: `missing:${column.name}`,
      when: `(${name} IS NULL AND NOT ${badName(column.name)})`,
    })),
    ...columns.map(({ column }) => ({ reason: `bad_type:${column.name}`, when: badName(column.name) })),
    ...compileRowRules(contract)
      .filter((rule) => rule.level === 'error')
      .map((rule) => ({ reason: `rule:${rule.name}`, when: `(${rule.failsSql})` })),
    { reason: 'duplicate_json_key', when: '_repeated_key' },
  ];
  const reasonList = reasons.map(({ reason, when }) => `CASE WHEN ${when} THEN ${quoteLiteral(reason)} END`).join(', ');
  return `
SELECT ${position}, ${columns.map(({ name }) => name).join(', ')}, _extra, ${hintSql(contract)} AS _hint,
  CASE WHEN ${reasons.map(({ when }) => when).join(' OR ')} THEN list_filter([${reasonList}], lambda reason: reason IS NOT NULL) END AS _reasons
FROM (
  SELECT ${position}, ${columns.map(({ name }) => name).join(', ')}, _extra, _repeated_key,
    ${columns.map(({ column, cast }) => `${cast.bad} AS ${badName(column.name)}`).join(',\n    ')}
  FROM (
    SELECT ${position}, _text, _json,
      CASE WHEN _keys = ${names} THEN false ELSE len(_keys) <> len(list_distinct(_keys)) END AS _repeated_key,
      CASE WHEN _keys = ${names} THEN NULL WHEN NOT list_has_all(${names}, _keys) THEN list_filter(_keys, lambda name: NOT list_contains(${names}, name)) END AS _extra,
      ${columns.map(({ name, cast }) => `${cast.value} AS ${name}`).join(',\n      ')}
    FROM (SELECT ${position}, _text, json_keys(_text) AS _keys, json_transform(_text, ${quoteLiteral(shape)}) AS _json FROM ${from})
  )
)`;
}

const badName = (column: string): string => quoteIdentifier(`_bad_${column}`);

function hintSql(contract: Contract): string {
  if (!contract.partition) return 'NULL::VARCHAR';
  const format = contract.partition.transform === 'day' ? '%Y-%m-%d' : '%Y-%m';
  return `strftime(${quoteIdentifier(contract.partition.column)}, ${quoteLiteral(format)})`;
}
