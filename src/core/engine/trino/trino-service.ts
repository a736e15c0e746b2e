/**
 * Trino by its REST protocol (https://trino.io/docs/current/develop/client-protocol.html): a statement is posted, and each answer names
 * the next page. Reading a page again is allowed, so what fails by itself is tried again; DELETE of a page cancels.
 */
import type { Clock } from '../../clock.js';
import { isKeystoneError, KeystoneError, messageOf } from '../../errors.js';
import { retry } from '../../resilience/retry.js';
import { RETRY_POLICIES } from '../../resilience/retry-policy.js';
import { tellRetry, type RetryListeners } from '../../resilience/tell-retry.js';
import { type Json, parseJson } from '../../table/lossless-json.js';
import { columnType } from '../statement/column-type.js';
import { fromServiceJson } from '../statement/service-value.js';
import type { JsonValue } from '../sql-engine.js';
import type { RemoteColumn, RemoteRunOptions, RemoteService, RemoteStatement } from '../remote/remote-service.js';
import { serviceFailure, stopped, tookTooLong } from '../remote/service-failure.js';

export interface TrinoOptions extends RetryListeners {
  /** e.g. `https://trino.example:8443`. */
  readonly url: string;
  readonly user: string;
  readonly password?: { reveal(): string };
  readonly catalog: string;
  /** A statement that takes longer is cancelled. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
}

interface Page {
  readonly id: string;
  readonly nextUri?: string;
  readonly columns?: readonly { readonly name: string; readonly type: string }[];
  readonly data?: readonly (readonly Json[])[];
  readonly stats?: { readonly state?: string; readonly physicalInputBytes?: number };
  readonly error?: {
    readonly message: string;
    readonly errorName: string;
    readonly errorType: string;
  };
}

/** Trino answers a waiting client within a second or so. */
const ANSWER_MS = 30_000;
const OURS = ['USER_ERROR'];
/** Errors of a coordinator or worker that is away, starting or full. */
const TRANSIENT =
  /^(?:NO_NODES_AVAILABLE|SERVER_STARTING_UP|SERVER_SHUTTING_DOWN|CLUSTER_OUT_OF_MEMORY|QUERY_QUEUE_FULL|TOO_MANY_REQUESTS_FAILED|REMOTE_HOST_GONE|REMOTE_TASK_ERROR|REMOTE_TASK_MISMATCH|PAGE_TRANSPORT_ERROR|PAGE_TRANSPORT_TIMEOUT|ABANDONED_TASK)$/;

/**
 * Right after its start, and when its workers are lost, a coordinator takes statements and has no node to run them. Such a statement has
 * done nothing (a table that it was to make is taken back), so it is given again until a node is there.
 */
const NODES_WITHIN_MS = 20_000;
const hasNoNodes = (error: unknown): boolean =>
  isKeystoneError(error) && (error.cause as Error | undefined)?.name === 'NO_NODES_AVAILABLE';

export function trinoService(options: TrinoOptions): RemoteService {
  const { url, user, password, catalog, timeoutMs, clock, random } = options;
  const origin = new URL(url).origin;
  const retried = { service: 'engine', operation: `Trino at ${origin}` } as const;
  const told = tellRetry(options, retried, RETRY_POLICIES.db);
  const headers: Record<string, string> = {
    'X-Trino-User': user,
    'X-Trino-Source': 'keystone',
    'X-Trino-Catalog': catalog,
    'X-Trino-Time-Zone': 'UTC',
    // Without it timestamps lose their microseconds.
    'X-Trino-Client-Capabilities': 'PARAMETRIC_DATETIME',
    ...(password ? { Authorization: `Basic ${Buffer.from(`${user}:${password.reveal()}`).toString('base64')}` } : {}),
  };

  const call = async (address: string, init: RequestInit, signal: AbortSignal | undefined): Promise<Page> =>
    retry(
      RETRY_POLICIES.db,
      async () => {
        const limit = AbortSignal.timeout(ANSWER_MS);
        const answer = await fetch(address, { ...init, headers, signal: signal ? AbortSignal.any([signal, limit]) : limit });
        const body = await answer.text();
        if (!answer.ok) throw httpFailure(origin, answer.status, body);
        return parseJson(body) as unknown as Page;
      },
      { clock, random, onRetry: told, ...(signal ? { signal } : {}) },
    ).catch((error: unknown) => {
      if (signal?.aborted) throw stopped('trino', null, error);
      if (error instanceof KeystoneError) throw error;
      if (reasonOf(error) === 'bad port') {
        throw new KeystoneError(
          'KS_CONFIG',
          `engine.trino.url names the port of ${origin}, which Node's fetch never connects to`,
          {
            hint: 'it is kept for another protocol (https://fetch.spec.whatwg.org/#port-blocking): let Trino, or a proxy in front of it, listen elsewhere',
            cause: error,
          },
        );
      }
      throw new KeystoneError('KS_ENGINE', `Trino at ${origin} does not answer: ${reasonOf(error)}`, {
        hint: 'look at the coordinator (engine.trino.url), then run the same command again',
        cause: error,
      });
    });

  /** The statement with its first rows, or ended. */
  const runOnce = async (sql: string, given: RemoteRunOptions, deadlineMs: number): Promise<RemoteStatement> => {
    const { signal, onProgress, placeOf } = given;
    if (signal?.aborted) throw stopped('trino', null);
    let page = await call(`${origin}/v1/statement`, { method: 'POST', body: sql }, signal);
    const { id } = page;
    let bytes = 0;
    let ended = false;
    const cancel = async (): Promise<void> => {
      if (ended) return;
      ended = true;
      const next = page.nextUri;
      if (next === undefined) return;
      await fetch(next, { method: 'DELETE', headers, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => undefined);
    };
    const look = (): void => {
      bytes = page.stats?.physicalInputBytes ?? bytes;
      onProgress?.({ statementId: id, state: page.stats?.state ?? '', bytesScanned: bytes });
      if (!page.error) return;
      ended = true;
      const { errorName: name, errorType, message } = page.error;
      if (name === 'USER_CANCELED') throw stopped('trino', id);
      const isUsers = OURS.includes(errorType);
      const isTransient = TRANSIENT.test(name);
      throw serviceFailure({ service: 'trino', name, message, isUsers, isTransient, statementId: id, sql }, placeOf);
    };
    const next = async (): Promise<boolean> => {
      look();
      if (page.nextUri === undefined) {
        ended = true;
        return false;
      }
      if (signal?.aborted) throw stopped('trino', id);
      if (clock.nowMs() > deadlineMs) throw tookTooLong('trino', id, timeoutMs);
      page = await call(ofOrigin(page.nextUri, origin), { method: 'GET' }, signal);
      return true;
    };
    try {
      while (!page.data?.length && (await next()));
      look();
    } catch (error) {
      await cancel();
      throw error;
    }
    const columns: readonly RemoteColumn[] = (page.columns ?? []).map(({ name, type }) => ({
      name,
      typeText: type,
      type: columnType(type),
    }));
    const pages = async function* (): AsyncGenerator<readonly (readonly JsonValue[])[]> {
      try {
        do {
          look();
          if (page.data && page.data.length > 0) {
            yield page.data.map((row) =>
              row.map((value, n) => fromServiceJson(value, columns[n]?.type ?? columnType('varchar'))),
            );
          }
        } while (await next());
      } finally {
        await cancel();
      }
    };
    return { id, columns, pages: pages(), bytesScanned: () => bytes };
  };

  const run = async (sql: string, given: RemoteRunOptions = {}): Promise<RemoteStatement> => {
    const deadlineMs = clock.nowMs() + timeoutMs;
    const { signal } = given;
    return retry(RETRY_POLICIES.cdc, () => runOnce(sql, given, deadlineMs), {
      clock,
      random,
      withinMs: NODES_WITHIN_MS,
      isTransient: hasNoNodes,
      onRetry: tellRetry(options, retried, RETRY_POLICIES.cdc),
      ...(signal ? { signal } : {}),
    }).catch((error: unknown) => {
      // Stopped while a node was waited for.
      throw signal?.aborted && hasNoNodes(error) ? stopped('trino', null, error) : error;
    });
  };

  return { name: 'trino', run, close: () => Promise.resolve() };
}

/** A proxy in front of Trino may make it name its inner address: pages are asked where the statement was. */
function ofOrigin(uri: string, origin: string): string {
  const { pathname, search } = new URL(uri);
  return `${origin}${pathname}${search}`;
}

function httpFailure(origin: string, status: number, body: string): Error {
  const said = body.trim().slice(0, 300);
  if (status === 401 || status === 403) {
    return new KeystoneError('KS_CREDENTIALS', `Trino at ${origin} refused (${status}): ${said}`, {
      hint: 'check engine.trino.user and what engine.trino.password names',
    });
  }
  return Object.assign(new Error(`HTTP ${status}: ${said}`), { status });
}

/** `fetch failed` says nothing, its cause does. */
function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: string } };
  return cause ? (cause.code ?? messageOf(cause)) : messageOf(error);
}
