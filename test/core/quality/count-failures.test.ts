import { describe, expect, it } from 'vitest';
import { openDuckSession } from '../../../src/core/engine/duckdb/duck-session.js';
import { countFailures } from '../../../src/core/quality/count-failures.js';
import type { PlannedCheck } from '../../../src/core/quality/planned-check.js';
import { tempDir } from '../../support/temp-dir.js';

const check = (name: string, part: Partial<PlannedCheck>): PlannedCheck => ({
  name,
  level: 'error',
  kind: 'row',
  columns: [],
  description: '',
  failsSql: null,
  reasons: [],
  rowCount: null,
  ...part,
});

describe('countFailures', () => {
  it('counts the failing rows of row checks and every occurrence of a repeated key, nulls aside', async () => {
    const session = await openDuckSession({ memoryLimitBytes: 100_000_000, tempDir: await tempDir() });
    await session.run(
      `CREATE TABLE sale AS SELECT * FROM (VALUES ('a', 1, 5), ('a', 2, 0), ('b', 1, -1), ('a', 1, 7), (NULL, 1, NULL), (NULL, 1, 3), ('a', 1, 9)) t("order", line, price)`,
    );
    const counted = await countFailures(session, 'sale', [
      check('positive', { failsSql: 'coalesce(NOT (price > 0), false)' }),
      check('key', { kind: 'unique', columns: ['order', 'line'] }),
      check('line', { kind: 'unique', columns: ['line'] }),
      check('price', { kind: 'unique', columns: ['price'] }),
    ]);
    expect(counted.rows).toBe(7);
    expect(Object.fromEntries(counted.failing)).toEqual({ positive: 2, key: 3, line: 6 });
    await session.close();
  });

  it('checks three million rows for uniqueness within 100 MB', async () => {
    const session = await openDuckSession({ memoryLimitBytes: 100_000_000, tempDir: await tempDir() });
    const rows = `(SELECT (CASE WHEN i = 2999999 THEN 0 ELSE i END)::VARCHAR AS id FROM range(3000000) t(i))`;
    const counted = await countFailures(session, rows, [
      check('id', { kind: 'unique', columns: ['id'] }),
      check('set', { failsSql: '(id IS NULL)' }),
    ]);
    expect([counted.rows, counted.failing.get('id'), counted.failing.get('set')]).toEqual([3_000_000, 2, 0]);
    await session.close();
  });
});
