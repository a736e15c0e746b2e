import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AthenaClient } from '@aws-sdk/client-athena';
import { describe, expect, it, onTestFinished } from 'vitest';
import { athenaService } from '../../../../src/core/engine/athena/athena-service.js';
import type { RemoteService } from '../../../../src/core/engine/remote/remote-service.js';
import { isTransientFailure } from '../../../../src/core/resilience/transient-failure.js';
import { systemEffects } from '../../../support/effects.js';

type Answer = (operation: string, input: Record<string, unknown>) => { readonly status?: number; readonly body: object };

/** Speaks Athena's protocol, by what `answer` says. */
async function athena(
  answer: Answer,
  timeoutMs = 60_000,
): Promise<{ readonly service: RemoteService; readonly calls: string[] }> {
  const calls: string[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    request.on('end', () => {
      const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
      calls.push(operation);
      const { status = 200, body } = answer(operation, JSON.parse(text) as Record<string, unknown>);
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new AthenaClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  });
  const { clock } = systemEffects();
  const service = athenaService({
    client,
    place: 'here',
    workgroup: 'primary',
    output: 's3://bucket/results/',
    catalog: 'AwsDataCatalog',
    reuseMs: 0,
    timeoutMs,
    clock: { ...clock, sleep: (_, signal) => clock.sleep(1, signal) },
    random: () => 0,
    token: () => 'a-token-of-at-least-thirty-two-characters',
  });
  onTestFinished(async () => {
    await service.close();
    server.closeAllConnections();
    server.close();
  });
  return { service, calls };
}

const execution = (state: string, more: object = {}): object => ({
  QueryExecution: { StatementType: 'DML', Status: { State: state, ...more }, Statistics: { DataScannedInBytes: 5 } },
});
const columns = {
  ColumnInfo: [
    { Name: 'v', Type: 'varchar' },
    { Name: 'd', Type: 'decimal', Precision: 12, Scale: 2 },
    { Name: 'b', Type: 'varbinary' },
  ],
};
const row = (...values: readonly (string | null)[]): object => ({
  Data: values.map((v) => (v === null ? {} : { VarCharValue: v })),
});

describe('Athena', () => {
  it('is polled until it has succeeded, and read page by page, without the names of the columns', async () => {
    let polls = 0;
    const { service } = await athena((operation, input) => {
      if (operation === 'StartQueryExecution') return { body: { QueryExecutionId: 'q1' } };
      if (operation === 'GetQueryExecution') return { body: execution((polls += 1) < 3 ? 'RUNNING' : 'SUCCEEDED') };
      const Rows =
        input['NextToken'] === undefined
          ? [row('v', 'd', 'b'), row('', '1.50', 'ff 00')]
          : [row('v', '2.00', '61'), row(null, null, null)];
      return {
        body: {
          ResultSet: { Rows, ResultSetMetadata: columns },
          ...(input['NextToken'] === undefined ? { NextToken: 'n' } : {}),
        },
      };
    });
    const states: string[] = [];
    const statement = await service.run('SELECT 1', { onProgress: ({ state }) => states.push(state) });
    const rows = [];
    for await (const page of statement.pages) rows.push(...page);
    expect(rows).toEqual([
      ['', '1.50', '/wA='],
      ['v', '2.00', 'YQ=='],
      [null, null, null],
    ]);
    expect([statement.id, statement.bytesScanned(), states]).toEqual(['q1', 5, ['RUNNING', 'RUNNING', 'SUCCEEDED']]);
    expect(statement.columns.map(({ typeText }) => typeText)).toEqual(['varchar', 'decimal(12,2)', 'varbinary']);
  });

  it('is told to stop a statement that nobody waits for any more, or that takes too long', async () => {
    const running: Answer = (operation) => ({
      body: operation === 'StartQueryExecution' ? { QueryExecutionId: 'q1' } : execution('RUNNING'),
    });
    const asked = await athena(running);
    const controller = new AbortController();
    const stopped = asked.service.run('SELECT 1', { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(stopped).rejects.toMatchObject({ code: 'KS_INTERRUPTED' });
    expect(asked.calls.at(-1)).toBe('StopQueryExecution');
    const slow = await athena(running, 5);
    await expect(slow.service.run('SELECT 1')).rejects.toMatchObject({
      code: 'KS_ENGINE',
      message: expect.stringContaining('longer than'),
    });
    expect(slow.calls.at(-1)).toBe('StopQueryExecution');
  });

  it.each([
    ["SYNTAX_ERROR: line 1:8: Column 'x' cannot be resolved", 2, 'KS_SQL'],
    ['Access Denied: s3://bucket/key', 2, 'KS_CREDENTIALS'],
    ["COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved or requester is not authorized to access it", 2, 'KS_SQL'],
    ['GENERIC_INTERNAL_ERROR: it broke', 1, 'KS_ENGINE'],
    ['The specified bucket does not exist', 1, 'KS_CONFIG'],
    ["CATALOG_NOT_FOUND: line 1:8: Catalog 'nix' not found", 2, 'KS_CONFIG'],
  ])('says why a statement failed: %s', async (reason, category, code) => {
    const { service } = await athena((operation) => ({
      body:
        operation === 'StartQueryExecution'
          ? { QueryExecutionId: 'q1' }
          : execution('FAILED', { StateChangeReason: reason, AthenaError: { ErrorCategory: category, Retryable: false } }),
    }));
    await expect(service.run('SELECT x', { placeOf: (line, column) => ({ line, column: column - 1 }) })).rejects.toMatchObject({
      code,
      details: code === 'KS_SQL' ? { line: 1, column: 7, statement: 'q1' } : { statement: 'q1' },
    });
  });

  it.each([
    ['fetch failed', { ErrorCategory: 1 }, true],
    ['it was throttled', { ErrorCategory: 3, Retryable: true }, true],
    ['it is no more', { ErrorCategory: 3 }, false],
    ['The specified bucket does not exist', { ErrorCategory: 1 }, false],
  ])('is as good as away when it failed for a reason of its own: %s', async (reason, AthenaError, isAway) => {
    const { service } = await athena((operation) => ({
      body:
        operation === 'StartQueryExecution'
          ? { QueryExecutionId: 'q1' }
          : execution('FAILED', { StateChangeReason: reason, AthenaError }),
    }));
    const error: unknown = await service.run('SELECT 1').catch((thrown: unknown) => thrown);
    expect(isTransientFailure(error)).toBe(isAway);
    expect(error).toMatchObject(isAway ? { hint: expect.stringContaining('keystone doctor') } : { code: expect.any(String) });
  });

  it.each([
    ['AccessDeniedException', 'no', 'KS_CREDENTIALS'],
    ['InvalidRequestException', 'WorkGroup x is not found.', 'KS_CONFIG'],
    ['InvalidRequestException', 'No output location provided.', 'KS_CONFIG'],
    ['InvalidRequestException', 'line 1:1: mismatched input', 'KS_SQL'],
    ['InternalServerException', 'it broke', 'KS_ENGINE'],
  ])('says why a call was refused: %s, %s', async (type, message, code) => {
    const { service } = await athena(() => ({
      status: type === 'InternalServerException' ? 500 : 400,
      body: { __type: type, message },
    }));
    await expect(service.run('SELECT 1')).rejects.toMatchObject({ code });
  });

  it('names the setting of the output location, though the message speaks of the workgroup too', async () => {
    const message =
      'No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.';
    const { service } = await athena(() => ({ status: 400, body: { __type: 'InvalidRequestException', message } }));
    await expect(service.run('SELECT 1')).rejects.toMatchObject({
      code: 'KS_CONFIG',
      hint: expect.stringMatching(/engine\.athena\.output .*engine\.athena\.workgroup/),
    });
  });
});
