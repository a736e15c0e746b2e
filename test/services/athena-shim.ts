/**
 * Athena's API (JSON 1.1) in front of a real Trino, for the unmodified client of AWS: statements run, are polled, stopped and paged as
 * there, and results land in S3. It takes what Keystone sends: queries, EXPLAIN, INSERT, DELETE, MERGE, UPDATE, CREATE TABLE AS of Iceberg
 * tables, DROP TABLE and UNLOAD; Hive's DDL it does not know. It was never compared with the real Athena.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateDatabaseCommand, DeleteTableCommand, GlueClient } from '@aws-sdk/client-glue';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

export interface AthenaShimPlaces {
  readonly trinoUrl: string;
  readonly s3Url: string;
  readonly glueUrl: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface AthenaShim {
  /** e.g. `http://127.0.0.1:41234`. */
  readonly endpoint: string;
  /** Statements as they came, newest last. */
  readonly statements: readonly ShimStatement[];
  /** The next calls of `operation`, as many as told, are refused by `error`, e.g. `TooManyRequestsException`. */
  refuse(operation: string, error: string, times: number): void;
  addWorkgroup(name: string, configuration: Readonly<Record<string, unknown>>): void;
  stop(): Promise<void>;
}

export interface ShimStatement {
  readonly id: string;
  readonly sql: string;
  readonly workgroup: string;
  readonly state: 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
}

interface Column {
  readonly name: string;
  readonly type: string;
}
type Cell = string | null;

interface TrinoPage {
  readonly nextUri?: string;
  readonly columns?: readonly Column[];
  readonly data?: readonly (readonly unknown[])[];
  readonly stats?: { readonly physicalInputBytes?: number; readonly elapsedTimeMillis?: number };
  readonly updateCount?: number;
  readonly error?: { readonly errorName: string; readonly errorType: string; readonly message: string };
}

interface Execution {
  readonly id: string;
  readonly sql: string;
  readonly workgroup: string;
  readonly database: string;
  readonly output: string;
  readonly startedMs: number;
  state: ShimStatement['state'];
  endedMs?: number;
  error?: { readonly message: string; readonly isUsers: boolean };
  columns: readonly Column[];
  rows: readonly (readonly Cell[])[];
  bytes: number;
  updateCount: number | undefined;
  stopped: boolean;
}

/** What Athena says of a call that it does not take. */
class Refusal extends Error {
  readonly type: string;

  constructor(message: string, type = 'InvalidRequestException') {
    super(message);
    this.type = type;
  }
}

const QUERY = /^[\s(]*(?:select|with|values|table)\b/i;
const CHANGE = /^\s*(?:insert|merge|update|delete)\b/i;
const PAGE_ROWS = 1000;
const WORKGROUP = {
  EnforceWorkGroupConfiguration: false,
  PublishCloudWatchMetricsEnabled: true,
  RequesterPaysEnabled: false,
  EngineVersion: { SelectedEngineVersion: 'AUTO', EffectiveEngineVersion: 'Athena engine version 3' },
};

export async function startAthenaShim(places: AthenaShimPlaces): Promise<AthenaShim> {
  const credentials = { accessKeyId: places.accessKey, secretAccessKey: places.secretKey };
  const glue = new GlueClient({ endpoint: places.glueUrl, region: 'us-east-1', credentials });
  const s3 = new S3Client({ endpoint: places.s3Url, region: 'us-east-1', forcePathStyle: true, credentials });
  const executions = new Map<string, Execution>();
  const tokens = new Map<string, string>();
  const workgroups = new Map<string, Readonly<Record<string, unknown>>>([['primary', WORKGROUP]]);
  const refusals = new Map<string, { error: string; times: number }>();

  const run = async (execution: Execution): Promise<void> => {
    execution.state = 'RUNNING';
    try {
      const unload = /^\s*unload\s*\(([\s\S]*)\)\s*to\s*'([^']+)'(?:\s*with\s*\(([\s\S]*)\))?\s*$/i.exec(execution.sql);
      const temporary = `unload_${randomUUID().replaceAll('-', '')}`;
      const sql = unload ? unloadSql(temporary, unload[1] ?? '', unload[2] ?? '', unload[3] ?? '') : ownCreate(execution.sql);
      if (unload) await ensureDatabase(glue, execution.database);
      const result = await askTrino(places.trinoUrl, sql, execution);
      if (unload) await glue.send(new DeleteTableCommand({ DatabaseName: execution.database, Name: temporary }));
      const hasRows = !unload && result.updateCount === undefined;
      execution.columns = hasRows ? result.columns : [];
      execution.rows = hasRows ? result.rows.map((row) => row.map((v, n) => cellOf(v, result.columns[n]?.type ?? ''))) : [];
      execution.updateCount = result.updateCount;
      const place = /^s3:\/\/([^/]+)\/(.*)$/.exec(execution.output);
      const heading = execution.columns.map(({ name }) => name);
      const Body = [heading, ...execution.rows].map((row) => row.map(csvCell).join(',')).join('\n');
      await s3.send(new PutObjectCommand({ Bucket: place?.[1], Key: place?.[2], Body, ContentLength: Buffer.byteLength(Body) }));
      execution.state = 'SUCCEEDED';
    } catch (error) {
      const { message, isUsers = false } = error as Error & { isUsers?: boolean };
      execution.state = execution.stopped ? 'CANCELLED' : 'FAILED';
      execution.error = { message: execution.stopped ? 'Query cancelled by user' : message, isUsers };
    }
    execution.endedMs = Date.now();
  };

  const known = (id: unknown): Execution => {
    const execution = executions.get(String(id));
    if (!execution) throw new Refusal(`QueryExecution ${String(id)} was not found`);
    return execution;
  };

  const operations: Readonly<Record<string, (input: Record<string, unknown>) => unknown>> = {
    StartQueryExecution: (input) => {
      const sql = String(input['QueryString']);
      const token = input['ClientRequestToken'];
      const earlier = typeof token === 'string' ? tokens.get(token) : undefined;
      if (earlier !== undefined) {
        if (known(earlier).sql !== sql) throw new Refusal('Idempotent parameters do not match');
        return { QueryExecutionId: earlier };
      }
      const workgroup = String(input['WorkGroup'] ?? 'primary');
      const settings = workgroups.get(workgroup);
      if (!settings) throw new Refusal(`WorkGroup ${workgroup} is not found.`);
      const outputOf = (from: unknown): unknown => (from as { OutputLocation?: string } | undefined)?.OutputLocation;
      const own = outputOf(settings['ResultConfiguration']);
      const asked = outputOf(input['ResultConfiguration']);
      const output = settings['EnforceWorkGroupConfiguration'] === true ? own : (asked ?? own);
      if (typeof output !== 'string')
        throw new Refusal(
          'No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.',
        );
      const id = randomUUID();
      const context = input['QueryExecutionContext'] as { Database?: string } | undefined;
      const execution: Execution = {
        id,
        sql: sql.replace(/;\s*$/, ''),
        workgroup,
        database: context?.Database ?? 'default',
        output: `${output.replace(/\/?$/, '/')}${id}.csv`,
        startedMs: Date.now(),
        state: 'QUEUED',
        columns: [],
        rows: [],
        bytes: 0,
        updateCount: undefined,
        stopped: false,
      };
      executions.set(id, execution);
      if (typeof token === 'string') tokens.set(token, id);
      void run(execution);
      return { QueryExecutionId: id };
    },
    GetQueryExecution: (input) => ({ QueryExecution: described(known(input['QueryExecutionId'])) }),
    GetQueryResults: (input) => {
      const execution = known(input['QueryExecutionId']);
      if (execution.state !== 'SUCCEEDED')
        throw new Refusal(`Query did not finish successfully. Final query state: ${execution.state}`);
      const heading = execution.columns.map(({ name }) => name);
      const all = QUERY.test(execution.sql) ? [heading, ...execution.rows] : execution.rows;
      const from = typeof input['NextToken'] === 'string' ? Number(input['NextToken'].slice('from-'.length)) : 0;
      const rows = Math.min(typeof input['MaxResults'] === 'number' ? input['MaxResults'] : PAGE_ROWS, PAGE_ROWS);
      return {
        ResultSet: {
          Rows: all.slice(from, from + rows).map((row) => ({ Data: row.map((v) => (v === null ? {} : { VarCharValue: v })) })),
          ResultSetMetadata: { ColumnInfo: execution.columns.map(columnInfo) },
        },
        UpdateCount: execution.updateCount ?? 0,
        ...(from + rows < all.length ? { NextToken: `from-${from + rows}` } : {}),
      };
    },
    StopQueryExecution: (input) => {
      const execution = known(input['QueryExecutionId']);
      if (execution.endedMs === undefined) execution.stopped = true;
      return {};
    },
    GetWorkGroup: (input) => {
      const name = String(input['WorkGroup']);
      const Configuration = workgroups.get(name);
      if (!Configuration) throw new Refusal(`WorkGroup ${name} is not found.`);
      return { WorkGroup: { Name: name, State: 'ENABLED', Configuration } };
    },
  };

  const server = createServer((request, response) => {
    const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1] ?? '';
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() });
      response.end(JSON.stringify(body));
    };
    answerTo(request, operation)
      .then((body) => send(200, body))
      .catch((error: unknown) => {
        const type = error instanceof Refusal ? error.type : 'InternalServerException';
        send(error instanceof Refusal ? 400 : 500, { __type: type, message: (error as Error).message });
      });
  });
  const answerTo = async (request: IncomingMessage, operation: string): Promise<unknown> => {
    const body = await text(request);
    if (!request.headers.authorization?.startsWith('AWS4-HMAC-SHA256'))
      throw new Refusal('Missing Authentication Token', 'MissingAuthenticationTokenException');
    const refusal = refusals.get(operation);
    if (refusal && refusal.times > 0) {
      refusal.times -= 1;
      throw new Refusal(`refused on purpose: ${refusal.error}`, refusal.error);
    }
    const act = operations[operation];
    if (!act) throw new Refusal(`unknown operation ${operation}`, 'UnknownOperationException');
    return act(JSON.parse(body || '{}') as Record<string, unknown>);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get statements() {
      return [...executions.values()].map(({ id, sql, workgroup, state }) => ({ id, sql, workgroup, state }));
    },
    refuse: (operation, error, times) => void refusals.set(operation, { error, times }),
    addWorkgroup: (name, configuration) => void workgroups.set(name, { ...WORKGROUP, ...configuration }),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      glue.destroy();
      s3.destroy();
    },
  };
}

/** Runs one statement to its end; `stopped` of the execution cancels it. */
async function askTrino(
  url: string,
  sql: string,
  execution: Execution,
): Promise<{
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly unknown[])[];
  readonly updateCount: number | undefined;
}> {
  const headers = {
    'X-Trino-User': 'athena',
    'X-Trino-Catalog': 'awsdatacatalog',
    'X-Trino-Schema': execution.database.toLowerCase(),
    'X-Trino-Time-Zone': 'UTC',
    // Microseconds stay, as in Athena's engine 3.
    'X-Trino-Client-Capabilities': 'PARAMETRIC_DATETIME',
  };
  let columns: readonly Column[] = [];
  let updateCount: number | undefined;
  const rows: (readonly unknown[])[] = [];
  const post = (): Promise<Response> => fetch(`${url}/v1/statement`, { method: 'POST', headers, body: sql });
  let answer = await post();
  for (let withoutNode = 0; ;) {
    const page = losslessPage(await answer.text());
    if (page.error?.errorName === 'NO_NODES_AVAILABLE' && withoutNode < 40) {
      // Athena has no such state: there the statement would wait.
      withoutNode += 1;
      await delay(500);
      answer = await post();
      continue;
    }
    if (page.error) {
      const { errorName, errorType, message } = page.error;
      throw Object.assign(new Error(`${errorName}: ${message}`), { isUsers: errorType === 'USER_ERROR' });
    }
    columns = page.columns ?? columns;
    updateCount = page.updateCount ?? updateCount;
    execution.bytes = page.stats?.physicalInputBytes ?? execution.bytes;
    if (page.data) rows.push(...page.data);
    if (page.nextUri === undefined) return { columns, rows, updateCount };
    if (execution.stopped) {
      await fetch(page.nextUri, { method: 'DELETE', headers });
      throw new Error('Query cancelled');
    }
    answer = await fetch(page.nextUri, { headers });
  }
}

/** Whole numbers beyond 2^53 become text, which is what they leave as anyway. */
const losslessPage = (body: string): TrinoPage =>
  JSON.parse(
    body.replace(/"(?:[^"\\]|\\.)*"|(?<![\d.])-?\d{16,}(?![\d.eE])/g, (part) => (part.startsWith('"') ? part : `"${part}"`)),
  ) as TrinoPage;

/** Athena's CREATE TABLE AS of an Iceberg table; everything else is the same in Trino. */
function ownCreate(sql: string): string {
  const create = /^(\s*create\s+table\s+(?:if\s+not\s+exists\s+)?)(\S+)\s+with\s*\(([\s\S]*?)\)\s+as\b/i.exec(sql);
  const drop = /^\s*drop\s+table\s+(if\s+exists\s+)?(\S+)\s*$/i.exec(sql);
  if (drop) return `DROP TABLE ${drop[1] ?? ''}iceberg.${drop[2]}`;
  if (!create) return sql;
  const settings = (create[3] ?? '')
    .split(/,(?![^(]*\)|[^[]*\])/)
    .map((each) => each.trim())
    .filter((each) => !/^(?:table_type|is_external)\b/i.test(each));
  return `${create[1]}iceberg.${create[2]} WITH (${settings.join(', ')}) AS${sql.slice(create[0].length)}`;
}

/** UNLOAD needs no database there; here its table stands in one. */
async function ensureDatabase(glue: GlueClient, name: string): Promise<void> {
  await glue.send(new CreateDatabaseCommand({ DatabaseInput: { Name: name } })).catch((error: unknown) => {
    if ((error as Error).name !== 'AlreadyExistsException') throw error;
  });
}

/** UNLOAD is a Hive table whose entry is forgotten and whose files stay. */
function unloadSql(table: string, query: string, to: string, settings: string): string {
  const format = /format\s*=\s*'(\w+)'/i.exec(settings)?.[1] ?? 'PARQUET';
  return `CREATE TABLE "${table}" WITH (format = '${format.toUpperCase()}', external_location = '${to.replace(/\/$/, '')}') AS ${query}`;
}

const described = (execution: Execution): unknown => ({
  QueryExecutionId: execution.id,
  Query: execution.sql,
  StatementType: QUERY.test(execution.sql) || CHANGE.test(execution.sql) ? 'DML' : 'UTILITY',
  ResultConfiguration: { OutputLocation: execution.output },
  QueryExecutionContext: { Database: execution.database },
  Status: {
    State: execution.state,
    SubmissionDateTime: execution.startedMs / 1000,
    ...(execution.endedMs === undefined ? {} : { CompletionDateTime: execution.endedMs / 1000 }),
    ...(execution.error
      ? {
          StateChangeReason: execution.error.message,
          AthenaError: {
            ErrorCategory: execution.error.isUsers ? 2 : 1,
            ErrorType: execution.error.isUsers ? 1006 : 1301,
            Retryable: false,
            ErrorMessage: execution.error.message,
          },
        }
      : {}),
  },
  Statistics: {
    EngineExecutionTimeInMillis: (execution.endedMs ?? Date.now()) - execution.startedMs,
    DataScannedInBytes: execution.bytes,
    TotalExecutionTimeInMillis: (execution.endedMs ?? Date.now()) - execution.startedMs,
  },
  WorkGroup: execution.workgroup,
});

const baseOf = (type: string): string => type.replace(/\(.*$/, '');

/** Nested types go by their bare name, as there: what is in them is not told. */
const columnInfo = ({ name, type }: Column): unknown => {
  const decimal = /^decimal\((\d+),\s*(\d+)\)/.exec(type);
  const base = type.endsWith('with time zone') ? type.replace(/\(\d+\)/, '') : baseOf(type);
  return {
    CatalogName: 'hive',
    SchemaName: '',
    TableName: '',
    Name: name,
    Label: name,
    Type: base,
    Precision: decimal ? Number(decimal[1]) : 0,
    Scale: decimal ? Number(decimal[2]) : 0,
    Nullable: 'UNKNOWN',
    CaseSensitive: base === 'varchar',
  };
};

/** Athena's text of a value; nested ones lose their bounds, as there. */
function cellOf(value: unknown, type: string): Cell {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) {
    const element = /^array\((.*)\)$/.exec(type)?.[1];
    const parts = value.map((each) => cellOf(each, element ?? 'varchar') ?? 'null');
    return type.startsWith('row') ? `{${parts.map((part, n) => `field${n}=${part}`).join(', ')}}` : `[${parts.join(', ')}]`;
  }
  if (typeof value === 'object')
    return `{${Object.entries(value)
      .map(([key, each]) => `${key}=${cellOf(each, 'varchar') ?? 'null'}`)
      .join(', ')}}`;
  const said = String(value);
  if (type === 'varbinary') return [...Buffer.from(said, 'base64')].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  if ((type === 'double' || type === 'real') && typeof value === 'number') return doubleText(value);
  return said;
}

/** Java's text of a double. */
function doubleText(value: number): string {
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e7 || size < 1e-3)) {
    const [digits = '', exponent = ''] = value.toExponential().split('e');
    return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`;
  }
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

const csvCell = (value: Cell): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
