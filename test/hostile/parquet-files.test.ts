/**
 * Data files that are damaged or were written to break readers (https://github.com/apache/parquet-testing), as files of a table: each is
 * read, or refused as KS_TABLE_CORRUPT with its table and, where the engine tells it, its name. KEYSTONE_CASES_DIR names the folder of the cases.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDuckEngine } from '../../src/core/engine/duckdb/duck-engine.js';
import { isKeystoneError } from '../../src/core/errors.js';
import type { Lakehouse } from '../../src/core/lakehouse.js';
import type { TableField } from '../../src/core/table/table-api.js';
import { putSilver, silverLake } from '../support/silver-lake.js';
import { bounded, damagedBytes } from './hostile-input.js';

const CASES = path.join(path.resolve(process.env['KEYSTONE_CASES_DIR'] ?? '../shared/data/cases'), 'parquet-testing');
const DATA = path.join(CASES, 'data');
const names = existsSync(DATA) ? readdirSync(DATA).filter((name) => name.endsWith('.parquet')) : [];
type Verdict = readonly ['ok', number, number] | readonly ['error', string, string];
const verdicts = existsSync(CASES)
  ? (
      JSON.parse(readFileSync(path.join(CASES, 'duckdb_verdicts.json'), 'utf8')) as {
        readonly files: Readonly<Record<string, Verdict>>;
      }
    ).files
  : {};

interface Asked {
  readonly kind: 'rows' | 'corrupt';
  readonly n: number;
  readonly message: string;
}

describe('a data file that was written to break readers', { timeout: 120_000 }, () => {
  let lakehouse: Lakehouse;
  const cleanUps: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    lakehouse = await silverLake({}, (cleanUp) => cleanUps.push(cleanUp));
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  /** By an engine of its own, which has read nothing yet. */
  const ask = async (sql: string): Promise<Asked> => {
    const engine = await openDuckEngine({
      session: await lakehouse.duck({ threads: 1 }),
      tableNames: lakehouse.tableNames,
      table: lakehouse.table,
      store: await lakehouse.store(),
      readableFolders: [lakehouse.config.profile.store.path],
    });
    try {
      const { rows } = await engine.query(sql);
      return { kind: 'rows', n: Number(rows[0]?.['n']), message: '' };
    } catch (error) {
      if (!isKeystoneError(error)) throw error;
      expect(error.code, `${sql}: ${error.message}`).toBe('KS_TABLE_CORRUPT');
      return { kind: 'corrupt', n: -1, message: error.message };
    } finally {
      await engine.close();
    }
  };

  const FIELDS: readonly TableField[] = [
    { id: 1, name: 'a', type: 'string', required: false },
    { id: 2, name: 'b', type: 'long', required: false },
    { id: 3, name: 'c', type: 'decimal(12,2)', required: false },
    { id: 4, name: 'd', type: 'timestamp', required: false },
  ];
  const tableNameOf = (file: string): string => file.replace(/\.parquet$/, '').replaceAll(/\W/g, '_');

  it.skipIf(names.length === 0).each(names)('%s is read or refused by name, also under an evolved schema', async (name) => {
    const table = await lakehouse.ensureTable({
      name: `silver.${tableNameOf(name)}`,
      fields: FIELDS,
      partition: [],
      properties: {},
    });
    const file = `${table.location}/data/${name}`;
    await mkdir(path.dirname(file), { recursive: true });
    const bytes = readFileSync(path.join(DATA, name));
    await writeFile(file, bytes);
    const verdict = verdicts[`data/${name}`];
    const recordCount = verdict?.[0] === 'ok' ? verdict[1] : 1;
    await table.commit({ add: [{ path: file, recordCount, sizeBytes: bytes.length, partition: {}, metrics: {}, specId: 0 }] });
    const columns = 'count(*) AS n, count(a) AS a, sum(b) AS b, sum(c) AS c, max(d) AS d';
    const sql = `SELECT ${columns} FROM silver.${tableNameOf(name)}`;
    const first = await ask(sql);
    // A file that DuckDB refuses as a whole may still be counted: none of its columns is a field of the table.
    if (first.kind === 'rows' && verdict?.[0] === 'ok') expect(first.n).toBe(recordCount);
    else if (first.kind === 'corrupt') expect(first.message).toContain(tableNameOf(name));
    await lakehouse.ensureTable({
      name: table.name,
      fields: [...FIELDS, { id: 9, name: 'later', type: 'string', required: false }],
      partition: [],
      properties: {},
    });
    const evolved = await ask(`SELECT ${columns}, count(later) AS later FROM silver.${tableNameOf(name)}`);
    expect({ kind: evolved.kind, n: evolved.n }).toEqual({ kind: first.kind, n: first.n });
  });

  it('is answered or refused when any of its bytes are others', async () => {
    await putSilver(
      lakehouse,
      'orders',
      `SELECT 'o' || i AS order_id, md5(i::VARCHAR) AS customer_id, TIMESTAMP '2017-10-02 10:56:33' AS order_purchase_timestamp FROM range(300) t(i)`,
    );
    const [file] = (await (await lakehouse.table('silver.orders'))?.scan())?.files ?? [];
    const place = file?.path ?? '';
    const whole = await readFile(place);
    const sql =
      'SELECT count(*) AS n, max(customer_id) AS c, max(order_purchase_timestamp) AS t, max(order_id) AS o FROM silver.orders';
    expect(await ask(sql)).toMatchObject({ kind: 'rows', n: 300 });
    // The footer is where a reader can be led astray.
    const damaged = fc.oneof(
      damagedBytes(whole),
      damagedBytes(whole.subarray(-3_000)).map((end) => Buffer.concat([whole.subarray(0, -3_000), end])),
    );
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(damaged, async (bytes) => {
        await writeFile(place, bytes);
        if ((await ask(sql)).kind === 'corrupt') refused += 1;
      }),
      bounded(150, 8_000),
    );
    expect(refused).toBeGreaterThan(10);
    await writeFile(place, whole);
    expect(await ask(sql)).toMatchObject({ kind: 'rows', n: 300 });
  });
});
