import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadModels } from '../../../src/core/gold/load-models.js';
import { parseModel } from '../../../src/core/gold/model.js';
import { tempDir } from '../../support/temp-dir.js';

const folderWith = async (files: Readonly<Record<string, string>>): Promise<string> => {
  const dir = await tempDir();
  await mkdir(path.join(dir, 'gold'));
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(dir, 'gold', name), text);
  return dir;
};
const model = (...refs: readonly string[]): string =>
  `-- What it is.\n-- grain: id\n-- inputs: ${refs.join(', ')}\nSELECT 1 AS id FROM ${refs.map((ref) => `{{ ref('${ref}') }}`).join(' CROSS JOIN ')}\n`;

describe('models', () => {
  it('come in the order in which they can be built', async () => {
    const dir = await folderWith({
      'a.sql': model('gold.b', 'silver.orders'),
      'b.sql': model('gold.c'),
      'c.sql': model('silver.orders'),
    });
    expect((await loadModels(dir)).map(({ name }) => name)).toEqual(['gold.c', 'gold.b', 'gold.a']);
  });

  it('may not refer to each other in a circle, nor to a gold table that no model builds', async () => {
    const circle = await folderWith({ 'a.sql': model('gold.b'), 'b.sql': model('gold.a') });
    await expect(loadModels(circle)).rejects.toMatchObject({
      code: 'KS_MODEL',
      message: expect.stringContaining('gold.a → gold.b → gold.a'),
    });
    await expect(loadModels(await folderWith({ 'a.sql': model('gold.nope') }))).rejects.toMatchObject({ code: 'KS_MODEL' });
    await expect(loadModels(await tempDir())).rejects.toMatchObject({
      code: 'KS_MODEL',
      hint: expect.stringContaining('keystone init'),
    });
  });

  it('say in their header what a change of an input touches', () => {
    const text = `-- Two lines\n-- of description.\n-- grain: a, b\n-- inputs: silver.orders\n-- partition: month(day)\n-- affected by silver.orders: SELECT x FROM changed\n--   UNION ALL SELECT y FROM {{ ref('silver.orders') }}\nSELECT a, b, day FROM {{ ref('silver.orders') }}\n`;
    expect(parseModel(text, '/models/gold/sales.sql')).toMatchObject({
      name: 'gold.sales',
      description: 'Two lines of description.',
      grain: ['a', 'b'],
      inputs: ['silver.orders'],
      partition: { transform: 'month', column: 'day' },
      affectedBy: new Map([['silver.orders', 'SELECT x FROM changed UNION ALL SELECT y FROM silver.orders']]),
      sql: 'SELECT a, b, day FROM silver.orders\n',
    });
  });

  it.each([
    ['without a grain', "-- inputs: silver.a\nSELECT 1 FROM {{ ref('silver.a') }}", 'grain'],
    ['with undeclared inputs', "-- grain: id\nSELECT 1 FROM {{ ref('silver.a') }}", 'inputs'],
    ['with other templating', "-- grain: id\n-- inputs: silver.a\nSELECT {{ x }} FROM {{ ref('silver.a') }}", 'templating'],
    [
      'with a partition that is no transform',
      "-- grain: id\n-- inputs: silver.a\n-- partition: day\nSELECT 1 FROM {{ ref('silver.a') }}",
      'partition',
    ],
    [
      'whose SQL the engines do not share, by its line',
      "-- grain: id\n-- inputs: silver.a\nSELECT epoch(x)\nFROM {{ ref('silver.a') }}",
      'sales.sql, line 3: epoch()',
    ],
  ])('are refused %s', (_, text, expected) => {
    expect(() => parseModel(text, '/models/gold/sales.sql')).toThrow(
      expect.objectContaining({ code: 'KS_MODEL', message: expect.stringContaining(expected) }),
    );
  });
});
