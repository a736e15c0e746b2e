import { describe, expect, it } from 'vitest';
import { parseContract } from '../../../src/core/contract/parse-contract.js';
import type { Contract } from '../../../src/core/contract/contract.js';

const HEAD = `apiVersion: v3.1.0
kind: DataContract
id: a
version: 1.2.0
status: active
team: { name: shop }
`;

/** A contract of one dataset `sale`; `properties` are YAML lines of its list. */
const text = (properties: string, rest = ''): string => `${HEAD}schema:
  - name: sale
    description: d
    properties:
${properties}${rest}`;

const ID = `      - { name: id, logicalType: string, required: true, primaryKey: true, description: d }
`;

const read = (source: string): Contract => {
  const parsed = parseContract(source, 'sale.odcs.yaml');
  if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.problems));
  return parsed.contract;
};

const errors = (source: string): readonly string[] =>
  parseContract(source, 'c').problems.flatMap((problem) =>
    problem.level === 'error' ? [`${problem.line}:${problem.column} ${problem.message}`] : [],
  );

const quality = (yaml: string): string =>
  text(`${ID}      - { name: price, logicalType: number, physicalType: "DECIMAL(12,2)", description: d, quality: [${yaml}] }\n`);

describe('parseContract', () => {
  it('reads types from the logical type, sized by the physical one', () => {
    const contract = read(
      text(`      - { name: a, logicalType: string, physicalType: VARCHAR(20) }
      - { name: b, logicalType: integer }
      - { name: c, logicalType: integer, physicalType: INTEGER }
      - { name: d, logicalType: number }
      - { name: e, logicalType: number, physicalType: "Decimal( 12 , 2 )" }
      - { name: f, logicalType: timestamp, physicalType: timestamp }
      - { name: g, logicalType: date }
      - { name: h, logicalType: boolean }
      - { name: i, physicalType: bigint }
`),
    );
    expect(contract.columns.map(({ name, type }) => [name, type])).toEqual([
      ['a', { kind: 'string' }],
      ['b', { kind: 'long' }],
      ['c', { kind: 'integer' }],
      ['d', { kind: 'double' }],
      ['e', { kind: 'decimal', precision: 12, scale: 2 }],
      ['f', { kind: 'timestamp' }],
      ['g', { kind: 'date' }],
      ['h', { kind: 'boolean' }],
      ['i', { kind: 'long' }],
    ]);
  });

  it('orders the key by position, and reads trim, partition, version column and owner', () => {
    const contract = read(`${HEAD.replace('team: { name: shop }', 'team:\n  - { username: ann, role: Owner }')}schema:
  - name: sale
    customProperties: [{ property: keystone.versionColumn, value: changed }]
    properties:
      - { name: line, logicalType: integer, primaryKey: true, primaryKeyPosition: 2 }
      - { name: order, logicalType: string, primaryKey: true, primaryKeyPosition: 1, customProperties: [{ property: keystone.trim, value: true }] }
      - { name: changed, logicalType: timestamp, partitioned: true, customProperties: [{ property: keystone.partitionTransform, value: month }] }
`);
    expect(contract).toMatchObject({
      dataset: 'sale',
      version: '1.2.0',
      owner: 'ann',
      key: ['order', 'line'],
      versionColumn: 'changed',
      partition: { column: 'changed', transform: 'month' },
    });
    expect(contract.columns.map((column) => column.trim)).toEqual([false, true, false]);
  });

  it('hashes the bytes of the file', () => {
    expect(read(text(ID)).hash).toMatch(/^[0-9a-f]{64}$/);
    expect(read(text(ID)).hash).not.toBe(read(`${text(ID)}# a comment\n`).hash);
  });

  it.each([
    [
      '{ metric: nullValues, mustBe: 0, severity: warning }',
      { name: 'price_null_values', level: 'warning', expression: 'price is not null' },
    ],
    [
      '{ name: In Range, metric: invalidValues, arguments: { min: -1.5, max: 10 }, mustBeLessThan: 1 }',
      { name: 'in_range', level: 'error', expression: 'price >= - 1.5 and price <= 10' },
    ],
    ['{ metric: invalidValues, arguments: { validValues: [1, -2.5] }, mustBe: 0 }', { expression: 'price in (1, -2.5)' }],
    [
      '{ metric: missingValues, arguments: { missingValues: [null, 0] }, mustBeLessOrEqualTo: 0 }',
      { expression: 'price is not null and price not in (0)' },
    ],
    ['{ metric: missingValues, arguments: { missingValues: [""] }, mustBe: 0 }', { expression: 'price is not null' }],
    ['{ metric: duplicateValues, mustBe: 0 }', { kind: 'unique', columns: ['price'] }],
    [
      '{ name: positive, type: custom, engine: keystone, implementation: " price > 0 " }',
      { kind: 'row', expression: 'price > 0', columns: ['price'] },
    ],
  ])('turns %s into a check', (yaml, expected) => {
    expect(read(quality(yaml)).checks).toEqual([expect.objectContaining(expected)]);
  });

  it.each([
    ['mustBe: 7', 7, 7],
    ['mustBeGreaterThan: 7', 8, null],
    ['mustBeLessOrEqualTo: 7', null, 7],
    ['mustBeBetween: [1, 7]', 1, 7],
  ])('reads rowCount %s', (operator, min, max) => {
    expect(read(text(ID, `    quality: [{ metric: rowCount, ${operator} }]\n`)).checks).toEqual([
      expect.objectContaining({ kind: 'rowCount', name: 'row_count', min, max }),
    ]);
  });

  it.each([
    ['a tolerance', '{ metric: nullValues, mustBeLessThan: 5, unit: percent }', /a share of failing rows cannot be tolerated/],
    ['a SQL check', '{ type: sql, query: "select 1", mustBe: 1 }', /bound to one engine/],
    ['an unknown severity', '{ metric: nullValues, mustBe: 0, severity: fatal }', /neither error nor warning/],
    ['a value of another type', '{ metric: invalidValues, arguments: { validValues: [abc] }, mustBe: 0 }', /is no plain number/],
    [
      'an unknown column',
      '{ type: custom, engine: keystone, name: x, implementation: prize > 0 }',
      /there is no column "prize", at character 1/,
    ],
    ['a broken expression', '{ type: custom, engine: keystone, name: x, implementation: price > }', /check x: expected a column/],
    [
      'a condition of the wrong type',
      '{ type: custom, engine: keystone, name: x, implementation: price + 1 }',
      /must be true or false/,
    ],
    ['a name that is taken', '{ name: types, metric: nullValues, mustBe: 0 }', /the check name types is taken/],
    ['two checks of one name', '{ metric: nullValues, mustBe: 0 }, { metric: nullValues, mustBe: 0 }', /occurs twice/],
  ])('refuses %s, at its line', (_, yaml, message) => {
    expect(errors(quality(yaml))).toEqual([expect.stringMatching(message)]);
    expect(errors(quality(yaml))[0]).toMatch(/^12:/);
  });

  it('leaves the checks of other engines alone, and says so', () => {
    const parsed = parseContract(
      quality('{ type: custom, engine: soda, implementation: "x" }, { type: text, description: t }'),
      'c',
    );
    expect(parsed.kind).toBe('contract');
    expect(parsed.problems.map((problem) => problem.message)).toContain('"custom" is run by soda, not by Keystone');
  });

  it.each([
    ['no YAML', 'a: [', /^1:/],
    ['a repeated key', `${HEAD}id: b\n`, /^7:\d+ Map keys must be unique/],
    ['another kind of file', 'kind: Pod', /apiVersion/],
    ['a missing schema', HEAD, /schema is empty/],
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]\n`,
      /[Aa]lias/,
    ],
    [
      'a taken column name',
      text(`${ID}      - { name: _offset, logicalType: integer }\n`),
      /^12:17 the column name _offset is taken/,
    ],
    [
      'columns that differ in case only',
      text(`${ID}      - { name: ID, logicalType: string }\n`),
      /^12:17 the column ID occurs twice/,
    ],
    [
      'a partition without transform',
      text(`${ID}      - { name: day_at, logicalType: timestamp, partitioned: true }\n`),
      /keystone.partitionTransform/,
    ],
    [
      'a partition by text',
      text(
        `      - { name: x, logicalType: string, partitioned: true, customProperties: [{ property: keystone.partitionTransform, value: day }] }\n`,
      ),
      /neither a timestamp nor a date/,
    ],
    [
      'a misspelt custom property',
      text(`      - { name: x, logicalType: string, customProperties: [{ property: keystone.trimm, value: true }] }\n`),
      /there is no custom property keystone.trimm/,
    ],
    [
      'a number as a boolean',
      text(`      - { name: x, logicalType: string, required: 1 }\n`),
      /^11:\d+ schema.0.properties.0.required/,
    ],
    ['a decimal without size', text(`      - { name: x, logicalType: number, physicalType: decimal }\n`), /DECIMAL\(12,2\)/],
  ])('refuses %s, with line and column', (_, source, message) => {
    expect(errors(source).join('\n')).toMatch(message);
    expect(errors(source)[0]).toMatch(/^\d+:\d+ /);
  });
});
