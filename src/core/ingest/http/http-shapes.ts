/** What the HTTP door answers, as zod shapes: the one source of its types and of `openapi.json`. */
import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../../errors.js';
import { LEVELS } from '../../resilience/degradation.js';

export const receiptShape = z.strictObject({
  topic: z.string().describe('Topic of the log'),
  partition: z.int().min(0),
  offset: z.int().min(0).nullable().describe('Place in the partition; null while it is spooled'),
  event_id: z.string().describe('The id that was given, or the one that the server made'),
  durability: z.enum(['log', 'spooled']).describe('What the promise stands on'),
});

const eventErrorShape = z.strictObject({
  index: z.int().min(0).describe('0-based place of the event in the request'),
  event_id: z.string().describe('Empty when the request gave none'),
  detail: z.string(),
});

export const problemShape = z
  .strictObject({
    type: z.string().describe('URN of the kind of problem'),
    title: z.string().describe('The kind of problem in words'),
    status: z.int().min(400).max(599),
    detail: z.string().describe('What happened, and what to do'),
    instance: z.string().describe('URN of this one occurrence'),
    code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]).describe("Keystone's error code"),
    offset: z.int().min(0).optional().describe('0-based byte of the body at which it stops being what its content type says'),
    errors: z.array(eventErrorShape).optional().describe('The first hundred events that were refused'),
  })
  .describe('RFC 9457');

export const receiptsShape = z
  .strictObject({ receipts: z.array(receiptShape).describe('One for each event, in the order of the request') })
  .describe('Every event is durable');

export const resultsShape = z
  .strictObject({
    results: z
      .array(
        z.union([
          z.strictObject({ status: z.literal(200), receipt: receiptShape }),
          z.strictObject({ status: z.int().min(400).max(599), problem: problemShape }),
        ]),
      )
      .describe('One for each event, in the order of the request'),
  })
  .describe('Some events are durable, some were refused');

export const healthShape = z.strictObject({
  status: z.literal('ok'),
  degradation: z
    .strictObject({
      level: z.enum([...LEVELS, 'unknown']).describe('How much of the work is put off; unknown: nobody could tell a moment ago'),
      mode: z.enum(['automatic', 'manual']).nullable().describe('Manual: somebody has set it; null: unknown'),
      away: z.array(z.string()).describe('Services that are away, or were a moment ago'),
    })
    .optional()
    .describe('Events are taken at every level'),
  spool: z
    .strictObject({
      mode: z.enum(['log', 'spooling', 'draining', 'full']).describe('Where accepted events go'),
      since: z.iso.datetime().describe('When the mode began'),
      events: z.int().min(0).describe('Events that wait for the log'),
      bytes: z.int().min(0).describe('Bytes of the events that wait'),
      oldest: z.iso.datetime().nullable().describe('When the oldest of them came'),
      problem: z.string().nullable().describe('Why the log does not take them'),
    })
    .optional()
    .describe('Of a server with a spool beside its log'),
});
export type Health = z.output<typeof healthShape>;

export type Problem = z.output<typeof problemShape>;
export type ReceiptAnswer = z.output<typeof receiptShape>;
export type ResultsAnswer = z.output<typeof resultsShape>;
