import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ColumnType, Contract } from '../../../src/core/contract/contract.js';
import { compileRowRules } from '../../../src/core/contract/compile-row-rules.js';
import { loadContracts } from '../../../src/core/contract/load-contracts.js';
import { openDuckSession } from '../../../src/core/engine/duckdb/duck-session.js';
import { quoteIdentifier } from '../../../src/core/engine/sql-text.js';
import { tempDir } from '../../support/temp-dir.js';

const OLIST = process.env['KEYSTONE_OLIST_DIR'] ?? path.resolve(import.meta.dirname, '../../../../shared/data/olist');
const FILES: Readonly<Record<string, string>> = { category_translation: 'product_category_name_translation.csv.gz' };

/** Every rule that fires on the real rows, and how often (`truth.dev.json` where it names the same fact). */
const FIRING: Readonly<Record<string, number>> = {
  'geolocation.inside_brazil': 42,
  'order_items.freight_positive': 383,
  'order_items.shipping_limit_before_2019': 4,
  'order_payments.payment_installments_from_1': 2,
  'order_payments.payment_type_known': 3,
  'order_payments.payment_value_positive': 9,
  'orders.canceled_has_no_delivery_date': 6,
  'orders.carrier_not_before_approval': 1359,
  'orders.delivered_has_approval': 14,
  'orders.delivered_has_delivery_date': 8,
  'orders.delivery_not_before_carrier': 23,
  'products.category_present': 610,
  'products.weight_positive': 4,
  'sellers.seller_city_plain': 24,
};

const duckType = (type: ColumnType): string =>
  type.kind === 'decimal'
    ? `DECIMAL(${type.precision}, ${type.scale})`
    : {
        string: 'VARCHAR',
        integer: 'INTEGER',
        long: 'BIGINT',
        double: 'DOUBLE',
        boolean: 'BOOLEAN',
        date: 'DATE',
        timestamp: 'TIMESTAMP',
      }[type.kind];

const sourceSql = (contract: Contract): string => {
  const file = path.join(OLIST, FILES[contract.dataset] ?? `olist_${contract.dataset}_dataset.csv.gz`);
  const columns = contract.columns.map((column) => `'${column.name}': '${duckType(column.type)}'`).join(', ');
  return `read_csv('${file}', header = true, columns = {${columns}}, quote = '"', escape = '"', strict_mode = true)`;
};

describe.skipIf(!existsSync(OLIST))(`the contracts on the real Olist rows (skipped where ${OLIST} is absent)`, () => {
  it('let every row pass at error level, and warn where the data is known to be odd', async () => {
    const contracts = await loadContracts(path.resolve(import.meta.dirname, '../../../templates/contracts'));
    const session = await openDuckSession({ memoryLimitBytes: 400_000_000, tempDir: await tempDir() });
    const firing: Record<string, number> = {};
    const errors: Record<string, number> = {};
    let rows = 0;
    for (const contract of contracts.values()) {
      const rules = compileRowRules(contract);
      const failing = [
        ...rules.map((rule) => ({ name: rule.name, level: rule.level, sql: rule.failsSql })),
        ...contract.columns.flatMap((column) =>
          column.required
            ? [{ name: `missing:${column.name}`, level: 'error', sql: `${quoteIdentifier(column.name)} IS NULL` }]
            : [],
        ),
      ];
      const counts = failing.map(({ name, sql }) => `count(*) FILTER (WHERE ${sql}) AS ${quoteIdentifier(name)}`);
      const [row] = await session.jsonRows(`SELECT ${['count(*) AS "rows"', ...counts].join(', ')} FROM ${sourceSql(contract)}`);
      rows += Number(row?.['rows']);
      for (const { name, level } of failing) {
        const count = Number(row?.[name]);
        if (count > 0) (level === 'error' ? errors : firing)[`${contract.dataset}.${name}`] = count;
      }
    }
    await session.close();
    expect(rows).toBe(1_550_868);
    expect(errors).toEqual({});
    expect(firing).toEqual(FIRING);
  });
});
