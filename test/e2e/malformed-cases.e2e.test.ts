/**
 * Files that break parsers, sent through a real server: JSONTestSuite (https://github.com/nst/JSONTestSuite) and csv-spectrum
 * (https://github.com/max-mapper/csv-spectrum). KEYSTONE_CASES_DIR names the folder of both; skipped where it is absent.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isBuilt, runCli, startCli } from '../support/cli-process.js';
import { tempDir } from '../support/temp-dir.js';
import { catchUp, verify } from '../support/violent-project.js';

const CASES = path.resolve(process.env['KEYSTONE_CASES_DIR'] ?? '../shared/data/cases');
const JSON_SUITE = path.join(CASES, 'json-test-suite');
const SPECTRUM = path.join(CASES, 'csv-spectrum');
const ready = isBuilt() && existsSync(JSON_SUITE) && existsSync(SPECTRUM);

async function project(): Promise<string> {
  const dir = await tempDir();
  await writeFile(path.join(dir, 'keystone.yaml'), 'version: 1\n');
  await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
  return dir;
}

/** Address of a server that ends with the test. */
async function serve(dir: string): Promise<string> {
  const server = startCli(['ingest', 'serve', '--port', '0'], { cwd: dir });
  onTestFinished(async () => {
    server.child.kill('SIGKILL');
    await server.ended;
  });
  await expect.poll(() => server.stdout(), { timeout: 20_000 }).toMatch(/Listening on \S+:\d+,/);
  return /Listening on (\S+),/.exec(server.stdout())?.[1] ?? '';
}

async function query(dir: string, sql: string): Promise<readonly Record<string, string | number | null>[]> {
  const { code, stdout, stderr } = await runCli(['query', sql, '--json'], { cwd: dir });
  expect(code, stdout + stderr).toBe(0);
  return (JSON.parse(stdout) as { result: { rows: readonly Record<string, string | number | null>[] } }).result.rows;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(!ready)(`malformed cases (skipped without ${CASES} or a build)`, { timeout: 180_000 }, () => {
  it('every JSONTestSuite file lies in bronze byte for byte; what must not parse is in the error zone, what must parse is not', async () => {
    const dir = await project();
    const address = await serve(dir);
    const names = readdirSync(JSON_SUITE).filter((name) => name.endsWith('.json'));
    expect(names.length).toBeGreaterThan(200);
    const hashes = new Map(names.map((name) => [name, sha256(readFileSync(path.join(JSON_SUITE, name)))]));
    const sent = await runCli(
      ['ingest', 'send', '--raw', ...names.map((name) => path.join(JSON_SUITE, name)), '--to', address, '--json'],
      { cwd: dir },
    );
    expect(sent, sent.stderr).toMatchObject({ code: 0 });
    await catchUp(dir);

    const bronze = await query(
      dir,
      "SELECT sha256(payload) AS hash, count(*) AS n FROM bronze.events GROUP BY 1 -- an empty file's payload is empty, not null",
    );
    expect(new Map(bronze.map(({ hash, n }) => [hash, n]))).toEqual(countsOf([...hashes.values()]));

    const rejected = await query(dir, 'SELECT DISTINCT sha256(payload) AS hash FROM error.events');
    const inErrorZone = new Set(rejected.map(({ hash }) => hash));
    const wrong = names.filter((name) => {
      const isError = inErrorZone.has(hashes.get(name) ?? '');
      return (name.startsWith('n_') && !isError) || (name.startsWith('y_') && isError);
    });
    expect(wrong).toEqual([]);
    // None of them is an order, so each has a disposition.
    expect(await query(dir, 'SELECT count(*) AS n FROM ledger.dispositions')).toEqual([{ n: names.length }]);
    expect(await verify(dir)).toMatchObject({ closed: true, totals: { bronze: names.length, pending: 0, unprocessed: 0 } });
  });

  it('every csv-spectrum cell lies in bronze as the reference reads it', async () => {
    const dir = await project();
    const files = readdirSync(path.join(SPECTRUM, 'csvs')).filter((name) => name.endsWith('.csv'));
    const expected: string[] = [];
    for (const name of files) {
      const sent = await runCli(['ingest', 'csv', path.join(SPECTRUM, 'csvs', name), '--dataset', 'spectrum', '--json'], {
        cwd: dir,
      });
      expect(sent, name + sent.stderr).toMatchObject({ code: 0 });
      const reference = path.join(SPECTRUM, 'json', name.replace(/\.csv$/, '.json'));
      expected.push(...(JSON.parse(readFileSync(reference, 'utf8')) as unknown[]).map((row) => JSON.stringify(row)));
    }
    await catchUp(dir);
    const bronze = await query(dir, 'SELECT decode(payload) AS row FROM bronze.events');
    expect(bronze.map(({ row }) => row).toSorted()).toEqual(expected.toSorted());
    const places = await query(
      dir,
      "SELECT verdict, array_to_string(reasons, ' ') AS reasons, count(*) AS n FROM ledger.dispositions GROUP BY ALL ORDER BY 1",
    );
    const quarantined = new Set(expected).size;
    expect(places).toEqual([
      ...(expected.length > quarantined ? [{ verdict: 'duplicate', reasons: '', n: expected.length - quarantined }] : []),
      { verdict: 'quarantined', reasons: 'unknown_dataset', n: quarantined },
    ]);
    expect(await verify(dir)).toMatchObject({ closed: true, totals: { bronze: expected.length } });
  });
});

const countsOf = (values: readonly string[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};
