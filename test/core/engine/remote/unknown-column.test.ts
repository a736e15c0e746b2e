import { expect, it } from 'vitest';
import { withColumnHint } from '../../../../src/core/engine/remote/unknown-column.js';
import { KeystoneError } from '../../../../src/core/errors.js';
import type { TableName } from '../../../../src/core/table/table-api.js';

const COLUMNS = new Map<TableName, readonly string[]>([
  ['silver.orders', ['order_id', 'order_status']],
  ['silver.order_items', ['order_id', 'price']],
]);
const refused = (said: string): KeystoneError =>
  new KeystoneError('KS_SQL', `trino: line 1:8: ${said}`, { details: { line: 1 } });

it('names the nearest column and how to see all', () => {
  expect(withColumnHint(refused("Column 'order_statsu' cannot be resolved"), COLUMNS)).toMatchObject({
    code: 'KS_SQL',
    hint: 'did you mean order_status (silver.orders)? keystone query "DESCRIBE silver.orders" lists the columns',
    details: { line: 1, columnName: 'order_statsu' },
  });
  expect(withColumnHint(refused("Column 'i.prise' cannot be resolved"), COLUMNS)).toMatchObject({
    hint: expect.stringContaining('did you mean price (silver.order_items)?'),
  });
  expect(withColumnHint(refused("Column 'zzzzzzzzz' cannot be resolved"), COLUMNS)).toMatchObject({
    hint: 'keystone query "DESCRIBE silver.orders" lists the columns',
  });
});

it('leaves other errors as they are', () => {
  const other = refused("mismatched input 'FORM'");
  expect(withColumnHint(other, COLUMNS)).toBe(other);
});
