/** The HTTP door's description as OpenAPI 3.1, made of the shapes that it answers with. */
import { z } from 'zod';
import { MAX_REQUEST_EVENTS } from './http-events.js';
import { healthShape, problemShape, receiptsShape, resultsShape } from './http-shapes.js';
import { PROBLEM_JSON } from './problem-json.js';

const SHAPES = { Receipts: receiptsShape, Results: resultsShape, Problem: problemShape, Health: healthShape } as const;
type ShapeName = keyof typeof SHAPES;

const schemaOf = (shape: z.ZodType): unknown => {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, { target: 'draft-2020-12' });
  return schema;
};
const content = (name: ShapeName, type = 'application/json'): unknown => ({
  [type]: { schema: { $ref: `#/components/schemas/${name}` } },
});
const problem = (description: string, headers?: unknown): unknown => ({
  description,
  ...(headers === undefined ? {} : { headers }),
  content: content('Problem', PROBLEM_JSON),
});
const RETRY_AFTER = { 'Retry-After': { description: 'Seconds', schema: { type: 'integer', minimum: 1 } } };
const event = { type: 'object', description: 'One event; its bytes are kept as they are' };

const NOBODY_ASKED = [{}];
const OTHER_METHOD = { 405: problem('Another method; `Allow` names those that are served') };

/**
 * A fresh document; `info.version` is that of the interface, not of the program.
 * @param asksForProof whether who sends has to show a token or a certificate.
 */
export const openApi = (asksForProof: boolean): Readonly<Record<string, unknown>> => ({
  openapi: '3.1.0',
  info: {
    title: 'Keystone ingestion',
    version: '1',
    description: 'Events over HTTP: the same intake, limits and receipts as keystone.ingestion.v1 over gRPC.',
  },
  servers: [{ url: '/' }],
  security: [...(asksForProof ? [] : NOBODY_ASKED), { bearer: [] }, { certificate: [] }],
  paths: {
    '/v1/events/{dataset}': {
      parameters: [{ name: 'dataset', in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 1024 } }],
      post: {
        operationId: 'sendEvents',
        summary: 'Send one event, or several; answered once all of them are durable or refused',
        parameters: [
          {
            name: 'Idempotency-Key',
            in: 'header',
            description: 'Id of the event; of several the n-th gets <key>:<n>. The same ids again add nothing to the lake.',
            schema: { type: 'string', maxLength: 1024 },
          },
          {
            name: 'ks-event-id',
            in: 'query',
            description: 'Id of the one event of the request',
            schema: { type: 'string', maxLength: 1024 },
          },
          {
            name: 'ks-event-id',
            in: 'header',
            description: 'The same; in both places it has to be the same id',
            schema: { type: 'string', maxLength: 1024 },
          },
          {
            name: 'X-Event-Source',
            in: 'header',
            description: 'Who made the event; a proved identity counts more',
            schema: { type: 'string', maxLength: 1024 },
          },
          {
            name: 'Content-Encoding',
            in: 'header',
            description: 'Encoding of the body',
            schema: { enum: ['gzip', 'identity'] },
          },
        ],
        requestBody: {
          required: true,
          description: `At most ${MAX_REQUEST_EVENTS} events`,
          content: {
            'application/json': { schema: { oneOf: [event, { type: 'array', maxItems: MAX_REQUEST_EVENTS }] } },
            'application/x-ndjson': { schema: { type: 'string', description: 'One event a line, whatever the line holds' } },
          },
        },
        responses: {
          200: { description: 'Every event is durable', content: content('Receipts') },
          207: { description: 'Some events are durable, some were refused', content: content('Results'), headers: RETRY_AFTER },
          400: problem('The body is not what its content type says; `offset` is where it stops being so'),
          401: problem('No token or certificate, or none that counts', {
            'WWW-Authenticate': { schema: { type: 'string' } },
          }),
          404: problem('No dataset in the path, or another path'),
          ...OTHER_METHOD,
          408: problem('The request did not arrive in time'),
          413: problem('The body, inflated too, is larger than one request may be, or holds too many events'),
          415: problem('Neither application/json nor application/x-ndjson in UTF-8, or an unknown encoding'),
          417: problem('An expectation other than 100-continue'),
          422: problem('The ids do not fit the events, or a name is too long'),
          429: problem('A limit is reached', RETRY_AFTER),
          431: problem('The header is too large'),
          503: problem('The log does not take events now, or the server is going down', RETRY_AFTER),
        },
      },
    },
    '/healthz': {
      get: {
        operationId: 'health',
        summary: 'Whether the process lives',
        security: NOBODY_ASKED,
        responses: { ...OTHER_METHOD, 200: { description: 'It does', content: content('Health') } },
      },
    },
    '/readyz': {
      get: {
        operationId: 'ready',
        summary: 'Whether events can be kept now',
        security: NOBODY_ASKED,
        responses: {
          ...OTHER_METHOD,
          200: { description: 'They can', content: content('Health') },
          503: problem('They cannot', RETRY_AFTER),
        },
      },
    },
    '/openapi.json': {
      get: {
        operationId: 'description',
        summary: 'This document',
        security: NOBODY_ASKED,
        responses: {
          ...OTHER_METHOD,
          200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } },
        },
      },
    },
  },
  components: {
    schemas: Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, schemaOf(shape)])),
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer', description: 'A token of ingest.tokens' },
      certificate: { type: 'mutualTLS', description: 'A client certificate that ingest.tls.clientCa signs' },
    },
  },
});
