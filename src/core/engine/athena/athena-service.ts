/**
 * Athena (https://docs.aws.amazon.com/athena/latest/APIReference): a statement is started, polled as the retry table says, and read in
 * pages of a thousand rows. Athena gives every value as text, and nested ones without bounds: those are asked as JSON (`nested-result.ts`).
 */
import {
  type AthenaClient,
  type ColumnInfo,
  GetQueryExecutionCommand,
  GetQueryResultsCommand,
  type GetQueryResultsOutput,
  type QueryExecution,
  StartQueryExecutionCommand,
  StopQueryExecutionCommand,
} from '@aws-sdk/client-athena';
import type { Clock } from '../../clock.js';
import { retryDelayMs, RETRY_POLICIES } from '../../resilience/retry-policy.js';
import type { JsonValue } from '../sql-engine.js';
import { type ColumnType, columnType } from '../statement/column-type.js';
import { fromText } from '../statement/service-value.js';
import type { RemoteColumn, RemoteRunOptions, RemoteService, RemoteStatement } from '../remote/remote-service.js';
import { serviceFailure, stopped, tookTooLong } from '../remote/service-failure.js';
import { athenaCallFailure } from './athena-failure.js';
import { jsonReading, type NestedReading } from './nested-result.js';

export interface AthenaOptions {
  readonly client: AthenaClient;
  /** For messages: the endpoint, or AWS in its region. */
  readonly place: string;
  readonly workgroup: string;
  /** `s3://bucket/prefix/`; absent: the workgroup's own. */
  readonly output?: string;
  readonly catalog: string;
  /** A result of the same statement up to this old is taken again; 0: never. */
  readonly reuseMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Unique for each statement, so that a start that is repeated starts nothing twice. */
  readonly token: () => string;
}

const PAGE_ROWS = 1000;
const LONGEST_POLL_MS = 2000;

export function athenaService(options: AthenaOptions): RemoteService {
  const { client, place, workgroup, output, catalog, reuseMs, timeoutMs, clock, random, token } = options;

  const calling = async <T>(work: () => Promise<T>, sql: string, given: RemoteRunOptions): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (given.signal?.aborted) throw stopped('athena', null, error);
      throw athenaCallFailure(error, { place, workgroup, sql, placeOf: given.placeOf });
    }
  };

  const start = async (sql: string, given: RemoteRunOptions): Promise<string> => {
    const reuse = { Enabled: true, MaxAgeInMinutes: Math.max(1, Math.round(reuseMs / 60_000)) };
    const answer = await calling(
      () =>
        client.send(
          new StartQueryExecutionCommand({
            QueryString: sql,
            ClientRequestToken: token(),
            WorkGroup: workgroup,
            QueryExecutionContext: { Catalog: catalog },
            ...(output === undefined ? {} : { ResultConfiguration: { OutputLocation: output } }),
            ...(reuseMs > 0 ? { ResultReuseConfiguration: { ResultReuseByAgeConfiguration: reuse } } : {}),
          }),
        ),
      sql,
      given,
    );
    return answer.QueryExecutionId ?? '';
  };

  const stop = async (id: string): Promise<void> => {
    // What can't be stopped ends by itself; the error that led here counts.
    await client.send(new StopQueryExecutionCommand({ QueryExecutionId: id })).catch(() => undefined);
  };

  /** Until it has succeeded. */
  const wait = async (id: string, sql: string, given: RemoteRunOptions): Promise<QueryExecution> => {
    const deadlineMs = clock.nowMs() + timeoutMs;
    for (let polls = 0; ; polls += 1) {
      const look = new GetQueryExecutionCommand({ QueryExecutionId: id });
      const { QueryExecution: execution = {} } = await calling(() => client.send(look), sql, given);
      const state = execution.Status?.State ?? 'QUEUED';
      given.onProgress?.({ statementId: id, state, bytesScanned: execution.Statistics?.DataScannedInBytes ?? 0 });
      if (state === 'SUCCEEDED') return execution;
      if (state === 'CANCELLED') throw stopped('athena', id);
      if (state === 'FAILED') throw failedStatement(execution, id, sql, given);
      if (clock.nowMs() > deadlineMs) throw tookTooLong('athena', id, timeoutMs);
      await clock.sleep(Math.min(retryDelayMs(RETRY_POLICIES.db, polls, random()), LONGEST_POLL_MS), given.signal);
      if (given.signal?.aborted) throw stopped('athena', id);
    }
  };

  const run = async (given: string, runOptions: RemoteRunOptions = {}): Promise<RemoteStatement> => {
    if (runOptions.signal?.aborted) throw stopped('athena', null);
    const nested = runOptions.mayBeNested === true ? await nestedOf(given, runOptions) : null;
    const sql = nested?.sql ?? given;
    const id = await start(sql, runOptions);
    let execution: QueryExecution;
    try {
      execution = await wait(id, sql, runOptions);
    } catch (error) {
      await stop(id);
      throw error;
    }
    const read = (from?: string): Promise<GetQueryResultsOutput> =>
      calling(
        () =>
          client.send(
            new GetQueryResultsCommand({
              QueryExecutionId: id,
              MaxResults: PAGE_ROWS,
              ...(from === undefined ? {} : { NextToken: from }),
            }),
          ),
        sql,
        runOptions,
      );
    if (runOptions.hasRows === false) return { id, columns: [], pages: noPages(), bytesScanned: () => scannedBy(execution) };
    const first = await read();
    const infos = first.ResultSet?.ResultSetMetadata?.ColumnInfo ?? [];
    const columns = infos.map((info, n) => nested?.columns[n] ?? columnOf(info));
    const valueOf = (text: string | undefined, n: number): JsonValue =>
      text === undefined ? null : (nested?.valueOf(text, n) ?? cellValue(text, columns[n]?.type));
    const pages = async function* (): AsyncGenerator<readonly (readonly JsonValue[])[]> {
      // The names of the columns are the first row of a query, and of nothing else.
      let page = first;
      let heading = execution.StatementType === 'DML';
      for (;;) {
        const rows = (page.ResultSet?.Rows ?? []).slice(heading ? 1 : 0);
        heading = false;
        if (rows.length > 0) yield rows.map(({ Data = [] }) => columns.map((_, n) => valueOf(Data[n]?.VarCharValue, n)));
        if (page.NextToken === undefined) return;
        if (runOptions.signal?.aborted) throw stopped('athena', id);
        page = await read(page.NextToken);
      }
    };
    return { id, columns, pages: pages(), bytesScanned: () => scannedBy(execution) };
  };

  /** What EXPLAIN, which reads nothing, tells of the result's types. */
  const nestedOf = async (sql: string, runOptions: RemoteRunOptions): Promise<NestedReading | null> => {
    const explained = await run(`EXPLAIN (TYPE LOGICAL, FORMAT JSON) ${sql}`, {
      ...runOptions,
      mayBeNested: false,
      onProgress: () => undefined,
    });
    const lines: string[] = [];
    for await (const page of explained.pages) lines.push(...page.map(([line]) => String(line ?? '')));
    return jsonReading(sql, lines.join('\n'));
  };

  return {
    name: 'athena',
    run,
    close: () => {
      client.destroy();
      return Promise.resolve();
    },
  };
}

async function* noPages(): AsyncGenerator<readonly (readonly JsonValue[])[]> {}

const scannedBy = (execution: QueryExecution): number => execution.Statistics?.DataScannedInBytes ?? 0;

function columnOf({ Name = '', Type = 'varchar', Precision, Scale }: ColumnInfo): RemoteColumn {
  const typeText = Type === 'decimal' ? `decimal(${Precision ?? 38},${Scale ?? 0})` : Type;
  return { name: Name, typeText, type: columnType(typeText) };
}

/** Bytes are written as `68 65 6c`. */
const cellValue = (text: string, type: ColumnType | undefined): JsonValue =>
  type?.kind === 'plain' && type.base === 'varbinary'
    ? Buffer.from(text.replaceAll(' ', ''), 'hex').toString('base64')
    : fromText(text, type ?? columnType('varchar'));

/**
 * ErrorCategory: 1 the system's fault, 2 the writer's, 3 another (https://docs.aws.amazon.com/athena/latest/ug/error-reference.html). What a
 * service took and could not do for a reason of its own is as good as one that is away.
 */
function failedStatement(execution: QueryExecution, id: string, sql: string, { placeOf }: RemoteRunOptions): Error {
  const { StateChangeReason = 'no reason was given', AthenaError: told } = execution.Status ?? {};
  const named = /^([A-Z][A-Z_]+): /.exec(StateChangeReason);
  return serviceFailure(
    {
      service: 'athena',
      name: named?.[1] ?? '',
      message: StateChangeReason,
      isUsers: told?.ErrorCategory === 2,
      isTransient: told?.Retryable === true || told?.ErrorCategory === 1,
      statementId: id,
      sql,
    },
    placeOf,
  );
}
