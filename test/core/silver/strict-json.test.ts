/** What DuckDB takes for JSON and RFC 8259 does not is found wherever it stands. */
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openDuckSession } from '../../../src/core/engine/duckdb/duck-session.js';
import { quoteLiteral } from '../../../src/core/engine/sql-text.js';
import { recheckJson } from '../../../src/core/silver/strict-json.js';

const NUMBERS = ['NaN', 'nan', '-nan', 'Inf', '-INFINITY', 'infinity', '1', 'null', '"nan"', '", NaN"', '"a: inf ,"'];
const SPACES = ['', ' ', '\n\t '];

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

it('marks every text that only DuckDB takes for JSON', async () => {
  const texts = NUMBERS.flatMap((value) =>
    SPACES.flatMap((space) => [
      `${space}${value}${space}`,
      `{"a":${space}${value}${space}}`,
      `{"a":1,"b"${space}:${space}${value}${space},"c":2}`,
      `[${space}${value}${space}]`,
      `[1,${space}${value}${space},2]`,
      `[1${space},${space}]`,
      `{"a":[{"b":${value}}]${space},${space}}`,
    ]),
  );
  const session = await openDuckSession({
    memoryLimitBytes: 100_000_000,
    tempDir: path.join(os.tmpdir(), 'keystone-strict-json'),
  });
  try {
    const rows = texts.map((text, n) => `(0, ${n}, ${quoteLiteral(text)})`).join(', ');
    await session.run(`CREATE TEMP TABLE texts AS
      SELECT p::INTEGER AS _partition, o::BIGINT AS _offset, t AS _text, CASE WHEN NOT json_valid(t) THEN 'invalid_json' END AS _class, NULL::VARCHAR AS _detail
      FROM (VALUES ${rows}) AS v(p, o, t)`);
    const [lax] = await session.rows<{ n: bigint }>('SELECT count(*) AS n FROM texts WHERE _class IS NULL');
    await recheckJson(session, 'texts');
    const judged = await session.rows<{ _text: string; _class: string | null }>('SELECT _text, _class FROM texts');
    const accepted = judged.filter((row) => row._class === null).map((row) => row._text);
    expect(accepted.toSorted()).toEqual(texts.filter(isJson).toSorted());
    expect(accepted.length).toBeLessThan(Number(lax?.n));
  } finally {
    await session.close();
  }
});
