import { expect, it } from 'vitest';
import { noSuchTable } from '../../../src/core/table/existing-table.js';

const TABLES = ['bronze.events', 'silver.orders', 'silver.order_items', 'gold.orders', 'quarantine.events'] as const;

it.each([
  ['orders', 'did you mean silver.orders or gold.orders? keystone table list shows all'],
  ['order_items', 'did you mean silver.order_items? keystone table list shows all'],
  ['silver.oders', 'did you mean silver.orders? keystone table list shows all'],
  ['silver.nope', `There are: ${TABLES.join(', ')}.`],
  ['xyz', `There are: ${TABLES.join(', ')}.`],
])('of %s: %s', (name, hint) => {
  expect(noSuchTable(name, TABLES)).toMatchObject({ code: 'KS_NOT_FOUND', message: `There is no table ${name}`, hint });
});
