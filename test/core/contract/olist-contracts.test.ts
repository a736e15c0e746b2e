import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadContracts } from '../../../src/core/contract/load-contracts.js';
import { compileRowRules } from '../../../src/core/contract/compile-row-rules.js';
import { parseContract } from '../../../src/core/contract/parse-contract.js';

const TEMPLATES = path.resolve(import.meta.dirname, '../../../templates/contracts');
const CASES = path.join(
  process.env['KEYSTONE_CASES_DIR'] ?? path.resolve(import.meta.dirname, '../../../../shared/data/cases'),
  'odcs',
);

describe('the nine contracts of the Olist project', () => {
  it('load, with the keys and partitions of the design', async () => {
    const contracts = await loadContracts(TEMPLATES);
    const shape = Object.fromEntries(
      [...contracts.values()].map((contract) => [
        contract.dataset,
        `${contract.key.join(',')} | ${contract.partition ? `${contract.partition.transform}(${contract.partition.column})` : 'none'} | ${contract.columns.length}`,
      ]),
    );
    expect(shape).toEqual({
      category_translation: 'product_category_name | none | 2',
      customers: 'customer_id | none | 5',
      geolocation: ' | none | 5',
      order_items: 'order_id,order_item_id | month(shipping_limit_date) | 7',
      order_payments: 'order_id,payment_sequential | none | 5',
      order_reviews: 'review_id,order_id | month(review_creation_date) | 7',
      orders: 'order_id | day(order_purchase_timestamp) | 8',
      products: 'product_id | none | 9',
      sellers: 'seller_id | none | 4',
    });
  });

  it('have the founding rules, and no others, as error-level row rules', async () => {
    const contracts = await loadContracts(TEMPLATES);
    const errors = [...contracts.values()].flatMap((contract) =>
      compileRowRules(contract).flatMap((rule) => (rule.level === 'error' ? [`${contract.dataset}.${rule.name}`] : [])),
    );
    expect(errors.toSorted()).toEqual(['order_items.price_positive', 'orders.delivery_not_before_purchase']);
    expect(
      contracts
        .get('orders')
        ?.columns.filter((column) => column.required)
        .map((column) => column.name),
    ).toEqual(['order_id', 'customer_id', 'order_purchase_timestamp']);
  });

  it('need no advice', () => {
    const advice = readdirSync(TEMPLATES).flatMap(
      (file) => parseContract(readFileSync(path.join(TEMPLATES, file), 'utf8'), file).problems,
    );
    expect(advice.map((problem) => `${problem.path} ${problem.message}`)).toEqual([]);
  });
});

describe.skipIf(!existsSync(CASES))(`ODCS's own schema and examples (skipped where ${CASES} is absent)`, () => {
  it('validates the nine contracts', () => {
    const ajv = new Ajv2019({ strict: false, allErrors: true });
    (addFormats as unknown as { default: (target: Ajv2019) => void }).default(ajv);
    const validate = ajv.compile(JSON.parse(readFileSync(path.join(CASES, 'odcs-json-schema-v3.1.0.json'), 'utf8')) as object);
    for (const file of readdirSync(TEMPLATES)) {
      const valid = validate(parse(readFileSync(path.join(TEMPLATES, file), 'utf8')));
      expect({ file, valid, errors: valid ? [] : validate.errors }).toEqual({ file, valid: true, errors: [] });
    }
  });

  it('reads each example, or says at which line what it cannot use', () => {
    const outcomes = Object.fromEntries(
      readdirSync(CASES)
        .filter((file) => file.endsWith('.odcs.yaml'))
        .map((file) => {
          const parsed = parseContract(readFileSync(path.join(CASES, file), 'utf8'), file);
          const errors = parsed.problems.filter((problem) => problem.level === 'error');
          return [
            file,
            parsed.kind === 'contract' ? parsed.contract.dataset : errors.map((problem) => `${problem.line}: ${problem.message}`),
          ];
        }),
    );
    expect(outcomes).toMatchInlineSnapshot(`
      {
        "all-data-types.odcs.yaml": [
          "36: column txn_timestamp_tz: timestamps are UTC and without zone here: set logicalTypeOptions.timezone to false",
          "45: column txn_time: there are no columns for times of day: use a string",
          "69: column latest_txns: columns of logicalType array are not supported: give its parts as columns of their own",
          "76: column customer_details: columns of logicalType object are not supported: give its parts as columns of their own",
        ],
        "all-schema-types.odcs.yaml": [
          "78: schema names 3 datasets: Keystone reads one contract file per dataset",
          "21: column txn_ref_dt: a partition needs the custom property keystone.partitionTransform: day or month",
        ],
        "azure-server.odcs.yaml": [
          "1: schema is empty: Keystone needs the one dataset that the contract is about",
        ],
        "basic-four-dpo.odcs.yaml": [
          "8: schema is empty: Keystone needs the one dataset that the contract is about",
        ],
        "column-completeness.odcs.yaml": "Air_Quality",
        "column-validity.odcs.yaml": [
          "21: check air_quality_status_invalid_values: a share of failing rows cannot be tolerated: write mustBe: 0, with severity: warning where that is too hard",
        ],
        "database-table-sla.odcs.yaml": [
          "8: schema is empty: Keystone needs the one dataset that the contract is about",
        ],
        "kafka-schemaregistry.odcs.yaml": [
          "8: Orders has no columns (properties)",
        ],
        "kafka-server.odcs.yaml": [
          "7: Orders has no columns (properties)",
        ],
        "service-and-operational-roles.odcs.yaml": [
          "7: schema is empty: Keystone needs the one dataset that the contract is about",
        ],
        "table-column-description.odcs.yaml": "tbl",
        "table-column.odcs.yaml": "tbl",
      }
    `);
  });
});
