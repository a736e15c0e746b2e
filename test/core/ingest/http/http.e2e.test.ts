import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isBuilt, runCli, startCli, type CliProcess } from '../../../support/cli-process.js';
import { JSON_TYPE, NDJSON_TYPE, post } from '../../../support/http-door.js';
import { smallProject } from '../../../support/small-project.js';

async function serve(
  dir: string,
  ...more: string[]
): Promise<{ readonly cli: CliProcess; readonly url: string; readonly httpAddress: string }> {
  const cli = startCli(['ingest', 'serve', '--port', '0', '--http-port', '0', '--json', ...more], { cwd: dir });
  onTestFinished(async () => {
    cli.child.kill('SIGKILL');
    await cli.ended;
  });
  await expect.poll(() => cli.stderr(), { timeout: 40_000 }).toContain('"listening"');
  const line =
    cli
      .stderr()
      .split('\n')
      .find((text) => text.startsWith('{')) ?? '';
  const { httpAddress } = (JSON.parse(line) as { listening: { httpAddress: string } }).listening;
  return { cli, url: `http://${httpAddress}`, httpAddress };
}

describe.skipIf(!isBuilt())('ingest serve --http-port (needs npm run build)', () => {
  it('leads events over HTTP into bronze and the zones, with who proved to have sent them', async () => {
    const dir = await smallProject(0);
    await writeFile(path.join(dir, 'keystone.yaml'), 'version: 1\ningest:\n  tokens:\n    shop: file:shop.token\n');
    await writeFile(path.join(dir, 'shop.token'), 'a-secret-of-the-shop\n');
    const { cli, url } = await serve(dir);
    const token = { authorization: 'Bearer a-secret-of-the-shop' };
    expect((await post({ url }, '{}')).status).toBe(401);
    expect((await post({ url }, '{"order_id": "o1"}', { ...JSON_TYPE, ...token, 'idempotency-key': 'k1' })).status).toBe(200);
    // The client did not hear the answer and sends again: no second event above bronze.
    expect((await post({ url }, '{"order_id": "o1"}', { ...JSON_TYPE, ...token, 'idempotency-key': 'k1' })).status).toBe(200);
    expect((await post({ url }, '{"order_id":"o2"}\n{broken\n', { ...NDJSON_TYPE, ...token })).status).toBe(200);
    cli.child.kill('SIGTERM');
    const end = await cli.ended;
    expect([end.code, JSON.parse(end.stdout)]).toMatchObject([0, { result: { accepted: 4, refused: 0 } }]);
    expect(end.stderr + end.stdout).not.toContain('a-secret-of-the-shop');

    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd: dir })).code).toBe(0);
    const sql = `SELECT (SELECT string_agg(DISTINCT source, ',') FROM bronze.events) AS sources,
      (SELECT count(*) FROM bronze.events WHERE event_id = 'k1') AS twice,
      (SELECT string_agg(class, ',') FROM error.events) AS errors,
      (SELECT count(*) FROM ledger.dispositions WHERE verdict = 'duplicate') AS duplicates`;
    const { result } = JSON.parse((await runCli(['query', sql, '--json'], { cwd: dir })).stdout) as { result: { rows: unknown } };
    expect(result.rows).toEqual([{ sources: 'shop', twice: 2, errors: 'invalid_json', duplicates: 1 }]);
  });

  it('refuses a port that is taken, naming the flag, and leaves the other port free', async () => {
    const dir = await smallProject(0);
    const { httpAddress } = await serve(dir);
    const second = await runCli(['ingest', 'serve', '--port', '0', '--http-port', httpAddress.split(':')[1] ?? ''], { cwd: dir });
    expect(second.code).toBe(5);
    expect(second.stderr).toContain(`${httpAddress} is in use by another process`);
    expect(second.stderr).toContain('keystone ingest serve --http-port 0');
    const workers = await runCli(['ingest', 'serve', '--port', httpAddress.split(':')[1] ?? '', '--workers', '2'], { cwd: dir });
    expect([workers.code, workers.stderr]).toEqual([5, expect.stringContaining('KS_PORT_IN_USE')]);
  });
});
