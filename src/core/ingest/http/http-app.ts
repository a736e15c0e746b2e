/** The routes of the HTTP door. Whatever comes is answered: 2xx with receipts, or problem+json. */
import type { HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import type { Admit, Client } from '../client.js';
import type { EventIntake } from '../event-intake.js';
import type { TellRefusal } from '../refusal-log.js';
import { httpAnswer } from './http-answer.js';
import { readBody, refusedUnread, type HttpBody } from './http-body.js';
import { framingOf, httpEvents } from './http-events.js';
import type { EventResult } from '../grpc/ingestion-v1-codec.js';
import { openApi } from './openapi.js';
import { peerCertificate } from '../peer-certificate.js';
import type { ReadingBudget } from './reading-budget.js';
import { PROBLEM_JSON, problemOf, type ProblemKind } from './problem-json.js';
import type { Health, Problem } from './http-shapes.js';
import type { IncomingMessage } from 'node:http';

export interface HttpAppOptions {
  readonly intake: EventIntake;
  readonly admit: Admit;
  readonly maxBodyBytes: number;
  readonly reading: ReadingBudget;
  /** Resolves to why no event could be kept now; null when one could. */
  readonly whyNotReady: () => Promise<string | null>;
  /** What `/healthz` tells. */
  readonly health: () => Health;
  readonly newId: () => string;
  /** Absent: refusals are told to the client alone. */
  readonly tellRefusal?: TellRefusal | undefined;
  /** Told when a request's body has arrived. */
  readonly onWhole: (incoming: IncomingMessage) => void;
}

type HttpEnv = { readonly Bindings: HttpBindings };
type HttpContext = Context<HttpEnv>;
type Headers = Readonly<Record<string, string>>;

const traceparentOf = ({ headers: { traceparent } }: IncomingMessage): string | undefined =>
  typeof traceparent === 'string' ? traceparent : undefined;

const retryAfter = (ms: number | null): Headers =>
  ms === null ? {} : { 'retry-after': String(Math.max(1, Math.ceil(ms / 1000))) };

export function httpApp(options: HttpAppOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  const newInstance = (): string => `urn:uuid:${options.newId()}`;
  const answer = (body: unknown, status: number, type: string, headers: Headers = {}): Response =>
    new Response(JSON.stringify(body), { status, headers: { 'content-type': type, ...headers } });
  const refuse = (problem: Problem, headers: Headers = {}): Response => answer(problem, problem.status, PROBLEM_JSON, headers);
  const refuseAs = (kind: ProblemKind, detail: string, headers: Headers = {}, more: Pick<Problem, 'offset'> = {}): Response =>
    refuse(problemOf(kind, detail, newInstance(), more), headers);
  /** What is left of the body is not read: the connection cannot go on behind it. */
  const refuseBody = ({ problem, detail }: Extract<HttpBody, { kind: 'refused' }>): Response =>
    refuseAs(problem, detail, {
      ...(problem === 'malformed' ? {} : { connection: 'close' }),
      ...(problem === 'media-type' ? { 'accept-encoding': 'gzip' } : {}),
      ...(problem === 'too-many' ? retryAfter(0) : {}),
    });

  const clientOf = (incoming: IncomingMessage): Client | string => {
    const certificate = peerCertificate(incoming.socket);
    if (certificate.kind === 'unverified') return `the client certificate is not valid: ${certificate.reason}`;
    const admission = options.admit({
      certificateSubject: certificate.kind === 'verified' ? certificate.subject : null,
      authorization: incoming.headers.authorization ?? null,
      remoteAddress: incoming.socket.remoteAddress ?? 'unknown',
    });
    if (admission.kind === 'refused') return admission.reason;
    const traceparent = traceparentOf(incoming);
    return traceparent === undefined ? admission.client : { ...admission.client, traceparent };
  };
  /** For what never comes to the intake, which tells the rest itself. */
  const told = (incoming: IncomingMessage, client: Client | null, reason: string, response: Response): Response => {
    const known = client ?? { name: incoming.socket.remoteAddress ?? 'unknown', producer: null };
    const traceparent = traceparentOf(incoming);
    options.tellRefusal?.({ door: 'http', client: known, traceparent, code: String(response.status), reason, events: 0 });
    return response;
  };

  const take = (events: Parameters<EventIntake['take']>[0], client: Client): Promise<readonly EventResult[]> =>
    new Promise((resolve) => options.intake.take(events, client, resolve));

  app.post('/v1/events/:dataset', async (c: HttpContext) => {
    const { incoming: request, outgoing } = c.env;
    const client = clientOf(request);
    if (typeof client === 'string') {
      const headers = { 'www-authenticate': 'Bearer realm="keystone"', connection: 'close' };
      return told(request, null, client, refuseAs('unauthenticated', client, headers));
    }
    const framing = framingOf(request.headers['content-type']);
    if (framing === null) {
      const detail = `the content type ${JSON.stringify(request.headers['content-type'] ?? '')} is not taken; application/json and application/x-ndjson are, in UTF-8`;
      const headers = { 'accept-post': 'application/json, application/x-ndjson', connection: 'close' };
      return told(request, client, detail, refuseAs('media-type', detail, headers));
    }
    const unread = refusedUnread(request, options.maxBodyBytes);
    if (unread?.kind === 'refused') return told(request, client, unread.detail, refuseBody(unread));
    if (request.headers.expect !== undefined) outgoing.writeContinue();
    const body = await readBody(request, options.maxBodyBytes, options.reading.of(request.socket.remoteAddress ?? ''));
    if (body.kind === 'refused') return told(request, client, body.detail, refuseBody(body));
    // Nobody hears this.
    if (body.kind === 'gone') return refuseAs('timeout', 'the request broke off', { connection: 'close' });
    options.onWhole(request);
    try {
      const eventId = c.req.query('ks-event-id') ?? null;
      const read = httpEvents(body.bytes, { framing, dataset: c.req.param('dataset') ?? '', headers: request.headers, eventId });
      if (read.kind === 'refused') return told(request, client, read.detail, refuseAs(read.problem, read.detail, {}, read.more));
      const result = httpAnswer(await take(read.events, client), newInstance());
      if (result.kind === 'kept') return answer(result.body, 200, 'application/json');
      if (result.kind === 'refused') return refuse(result.problem, retryAfter(result.retryAfterMs));
      return answer(result.body, 207, 'application/json', retryAfter(result.retryAfterMs));
    } finally {
      body.release();
    }
  });
  app.get('/healthz', () => answer(options.health(), 200, 'application/json'));
  app.get('/readyz', async () => {
    const why = await options.whyNotReady();
    return why === null ? answer(options.health(), 200, 'application/json') : refuseAs('unavailable', why, retryAfter(1000));
  });
  const nobody = options.admit({ certificateSubject: null, authorization: null, remoteAddress: 'unknown' });
  const description = openApi(nobody.kind === 'refused');
  app.get('/openapi.json', () => answer(description, 200, 'application/json'));

  for (const [path, methods] of [
    ['/v1/events/:dataset', 'POST, OPTIONS'],
    ['/healthz', 'GET, HEAD, OPTIONS'],
    ['/readyz', 'GET, HEAD, OPTIONS'],
    ['/openapi.json', 'GET, HEAD, OPTIONS'],
  ] as const) {
    app.options(path, () => new Response(null, { status: 204, headers: { allow: methods } }));
    app.all(path, (c) =>
      refuseAs('method', `${c.req.method} is not served at ${c.req.path}`, { allow: methods, connection: 'close' }),
    );
  }
  app.notFound((c) =>
    refuseAs('not-found', `nothing is served at ${c.req.path}; events are sent to POST /v1/events/{dataset}`, {
      connection: 'close',
    }),
  );
  app.onError(() =>
    refuseAs('internal', 'the server failed on this request; nothing is known to be kept of it', { connection: 'close' }),
  );
  return app;
}
