/**
 * Which payloads are JSON: what the error zone takes for `invalid_json` must be what RFC 8259 (V8's parser) refuses, for texts of
 * JSONTestSuite that were damaged. KEYSTONE_CASES_DIR names the folder of the cases; a few texts stand in where it is absent.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { quoteLiteral } from '../../src/core/engine/sql-text.js';
import { openDuckSession } from '../../src/core/engine/duckdb/duck-session.js';
import { recheckJson } from '../../src/core/silver/strict-json.js';
import { tempDir } from '../support/temp-dir.js';
import { bounded, damagedBytes } from './hostile-input.js';

const SUITE = path.join(path.resolve(process.env['KEYSTONE_CASES_DIR'] ?? '../shared/data/cases'), 'json-test-suite');
const TEXTS = existsSync(SUITE)
  ? readdirSync(SUITE)
      .filter((name) => /^[yni]_.*\.json$/.test(name))
      .map((name) => readFileSync(path.join(SUITE, name)))
      .filter((bytes) => bytes.length > 0 && bytes.length < 2_000)
  : ['{"a":[1,2,{"b":null}],"c":"\\u00e9"}', '[1.5e3,true,false,"x"]', '[NaN]', '[1,]', '{"a":Infinity}', '"\\ud800"'].map(
      (text) => Buffer.from(text),
    );

const damagedText = fc
  .constantFrom(...TEXTS)
  .chain((bytes) => fc.oneof({ weight: 4, arbitrary: damagedBytes(bytes) }, { weight: 1, arbitrary: fc.constant(bytes) }))
  .chain((bytes) =>
    fc.tuple(
      fc.constant(bytes),
      fc.nat(bytes.length),
      fc.constantFrom(
        '',
        '',
        ',',
        ' ,]',
        'NaN',
        '-Infinity',
        '\\ud83d',
        '\u00a0',
        '//',
        '0x1',
        "'a'",
        '1.',
        '+1',
        '\u2028',
        'inf',
        'nan ',
      ),
    ),
  )
  .map(([bytes, at, put]) => Buffer.concat([bytes.subarray(0, at), Buffer.from(put), bytes.subarray(at)]).toString('utf8'))
  // What is no UTF-8 never comes here (it is `invalid_utf8`), and DuckDB's VARCHAR of a NUL is escaped by the query, not by the payload.
  .filter((text) => !text.includes('\0') && text.trim() !== '');

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** An escape that stands for half a character: RFC 8259 leaves it open, and no column could hold it. JSON.stringify escapes only those. */
const hasLoneSurrogate = (text: string): boolean => /\\ud[89a-f]/.test(JSON.stringify(JSON.parse(text)));

it('the error zone and RFC 8259 agree on damaged texts', async () => {
  const session = await openDuckSession({ memoryLimitBytes: 300_000_000, threads: 1, tempDir: await tempDir() });
  let invalid = 0;
  let valid = 0;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(damagedText, { minLength: 300, maxLength: 300 }), async (texts) => {
        const rows = texts.map((text, n) => `(0, ${n}, ${quoteLiteral(text)})`).join(', ');
        await session.run(`CREATE OR REPLACE TEMP TABLE judged AS
          SELECT p::INTEGER AS _partition, o::BIGINT AS _offset, t AS _text,
            CASE WHEN NOT json_valid(t) THEN 'invalid_json' END AS _class, NULL::VARCHAR AS _detail FROM (VALUES ${rows}) v(p, o, t)`);
        await recheckJson(session, 'judged');
        const judged = await session.rows<{ _text: string; _class: string | null; _detail: string | null }>(
          'SELECT _text, _class, _detail FROM judged',
        );
        expect(judged.length).toBe(texts.length);
        for (const { _text: text, _class: verdict, _detail: detail } of judged) {
          const isAccepted = verdict === null;
          if (isAccepted) valid += 1;
          else invalid += 1;
          // Accepted exactly when it is JSON; a lone surrogate may be refused as well.
          const mayBe = isJson(text) ? (hasLoneSurrogate(text) ? [true, false] : [true]) : [false];
          expect(mayBe, text).toContain(isAccepted);
          expect(detail === null).toBe(isAccepted);
        }
      }),
      bounded(12, 8_000),
    );
  } finally {
    await session.close();
  }
  expect(invalid).toBeGreaterThan(50);
  expect(valid).toBeGreaterThan(50);
});
