import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { profileConfig } from '../../../../src/core/config/config.js';
import type { RemoteService } from '../../../../src/core/engine/remote/remote-service.js';
import { remoteStatements } from '../../../../src/core/engine/remote/remote-statements.js';
import { openTrinoService } from '../../../../src/core/engine/trino/trino-engine.js';
import { systemEffects } from '../../../support/effects.js';

it('says that a port is one that is never connected to', async () => {
  const { trino } = profileConfig.parse({ engine: { trino: { url: 'http://127.0.0.1:6000' } } }).engine;
  const { clock } = systemEffects();
  const service = await openTrinoService({ trino, env: {}, projectDir: '/', clock, random: () => 0 });
  await expect(service.run('SELECT 1')).rejects.toMatchObject({
    code: 'KS_CONFIG',
    message: expect.stringContaining('engine.trino.url names the port of http://127.0.0.1:6000'),
  });
});

/** Speaks Trino's protocol: the first `without` statements find no node once they are asked for their rows, the next gives one row. */
async function coordinator(without: number): Promise<{ readonly url: string; readonly posted: string[] }> {
  const posted: string[] = [];
  const server = createServer((request, response) => {
    const url = `http://${request.headers.host}`;
    const id = `q${posted.length}`;
    const columns = [{ name: 'n', type: 'bigint' }];
    const error = { message: 'No nodes available to run query', errorName: 'NO_NODES_AVAILABLE', errorType: 'INTERNAL_ERROR' };
    const answer = (page: object): unknown => response.end(JSON.stringify({ id, stats: { state: 'RUNNING' }, ...page }));
    if (request.method === 'POST') {
      request.setEncoding('utf8').on('data', (sql: string) => posted.push(sql));
      request.on('end', () => answer({ id: `q${posted.length}`, nextUri: `${url}/planned` }));
    } else if (request.url === '/planned') answer({ columns, nextUri: `${url}/rows` });
    else answer(posted.length <= without ? { columns, error } : { columns, data: [[7]] });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, posted };
}

const serviceAt = async (url: string, onSleep: () => void = () => undefined): Promise<RemoteService> => {
  const { trino } = profileConfig.parse({ engine: { trino: { url } } }).engine;
  // Time passes when it is slept away.
  let nowMs = 0;
  const sleep = async (ms: number): Promise<void> => {
    nowMs += ms;
    onSleep();
  };
  const clock = { ...systemEffects().clock, nowMs: () => nowMs, sleep };
  return openTrinoService({ trino, env: {}, projectDir: '/', clock, random: () => 0 });
};

it('gives a statement again to a coordinator that has no node for it yet, whatever the statement is', async () => {
  const { url, posted } = await coordinator(3);
  const statements = remoteStatements({ service: await serviceAt(url), catalog: 'iceberg', databasePrefix: '' });
  const { rows } = await statements.execute('CREATE TABLE t AS SELECT 7 AS n');
  expect(rows).toEqual([{ n: 7 }]);
  expect(posted).toEqual(Array.from({ length: 4 }, () => 'CREATE TABLE t AS SELECT 7 AS n'));
});

it('is stopped while it waits for a node', async () => {
  const { url, posted } = await coordinator(Infinity);
  const stop = new AbortController();
  const service = await serviceAt(url, () => stop.abort());
  await expect(service.run('SELECT 1', { signal: stop.signal })).rejects.toMatchObject({ code: 'KS_INTERRUPTED' });
  expect(posted.length).toBe(1);
});

it('says that there is no node when none comes', async () => {
  const { url, posted } = await coordinator(Infinity);
  const service = await serviceAt(url);
  await expect(service.run('SELECT 1')).rejects.toMatchObject({
    code: 'KS_ENGINE',
    message: 'trino: NO_NODES_AVAILABLE: No nodes available to run query',
  });
  expect(posted.length).toBeGreaterThan(5);
});
