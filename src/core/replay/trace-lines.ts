/**
 * A recorded trace as NDJSON: a header line, then one line for each event. Bytes that are UTF-8 are text, all others base64, so a
 * person can read what can be read and every byte comes back.
 */
import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { KeystoneError, messageOf } from '../errors.js';
import type { ReplayEvent } from './replay-event.js';
import { idText } from './replay-event.js';

/** What a trace says of itself; in Parquet the same under the key `keystone.trace`. */
export const traceHeader = z.object({
  keystone_trace: z.literal(1),
  project: z.string(),
  /** `topic` or `bronze`. */
  source: z.string(),
  topics: z.array(z.string()),
  /** ISO 8601, UTC. */
  recorded_at: z.string(),
  /** What was asked for; null: not asked. */
  from: z.string().nullable(),
  to: z.string().nullable(),
  dataset: z.string().nullable(),
  where: z.string().nullable(),
  /** Log times of the first and the last event, in microseconds since the epoch; null for an empty trace. */
  first_log_time_us: z.number().nullable(),
  last_log_time_us: z.number().nullable(),
  events: z.number().int(),
  payload_bytes: z.number().int(),
  datasets: z.record(z.string(), z.number()),
});

export type TraceHeader = z.output<typeof traceHeader>;

const bytesText = z.union([z.string(), z.object({ base64: z.string() })]);
type BytesText = z.output<typeof bytesText>;

const traceLine = z.object({
  topic: z.string(),
  partition: z.number().int(),
  offset: z.number().int(),
  log_time_us: z.number().int(),
  event_id: z.string(),
  dataset: z.string(),
  source: z.string().nullable(),
  key: bytesText.nullable(),
  headers: z.array(z.tuple([z.string(), bytesText])),
  payload: bytesText.nullable(),
});

/** What is wrong with a line, in a few words; zod's own message is a page of JSON. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof z.ZodError)) return messageOf(cause);
  const [issue] = cause.issues;
  return issue ? `${issue.path.join('.') || 'the line'}: ${issue.message.replace(/^Invalid input: /, '')}` : 'it cannot be read';
}

function textOfBytes(bytes: Uint8Array): BytesText {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer.toString('utf8') : { base64: buffer.toString('base64') };
}

const bytesOfText = (text: BytesText): Uint8Array =>
  typeof text === 'string' ? Buffer.from(text, 'utf8') : Buffer.from(text.base64, 'base64');

/** One line, without its line end. The event must have an origin. */
export function printTraceLine(event: ReplayEvent): string {
  const { origin, dataset, source, key, headers, payload } = event;
  return JSON.stringify({
    topic: origin?.topic,
    partition: origin?.partition,
    offset: origin?.offset,
    log_time_us: origin?.timestampUs,
    event_id: idText(event),
    dataset,
    source,
    key: key === null ? null : textOfBytes(key),
    headers: headers.map((header) => [header.key, textOfBytes(header.value)]),
    payload: payload === null ? null : textOfBytes(payload),
  });
}

/** @param where names the place for the error, e.g. `trace.ndjson, line 7`. @throws KeystoneError KS_CHECK_FAILED for a broken line. */
export function parseTraceLine(
  line: string,
  where: string,
  placed: { readonly stream: string; readonly position: number },
): ReplayEvent {
  let parsed: z.output<typeof traceLine>;
  try {
    parsed = traceLine.parse(JSON.parse(line));
  } catch (cause) {
    throw new KeystoneError('KS_CHECK_FAILED', `${where} is no event of a recorded trace: ${reasonOf(cause)}`, {
      hint: 'record it again: keystone ingest record --out FILE; a file of plain events has no header line',
    });
  }
  const { topic, partition, offset, log_time_us: timestampUs, key, payload } = parsed;
  return {
    ...placed,
    origin: { topic, partition, offset, timestampUs },
    eventId: Buffer.from(parsed.event_id, 'utf8'),
    dataset: parsed.dataset,
    source: parsed.source,
    key: key === null ? null : bytesOfText(key),
    headers: parsed.headers.map(([name, value]) => ({ key: name, value: bytesOfText(value) })),
    payload: payload === null ? null : bytesOfText(payload),
  };
}

/** How the first line of every trace begins; no event of a shop does. */
export const TRACE_MARK = '{"keystone_trace":';

/** The header, or null when the text is none. @throws KeystoneError KS_CHECK_FAILED for a header that this Keystone cannot read. */
export function parseTraceHeader(text: string, file: string): TraceHeader | null {
  if (!text.startsWith(TRACE_MARK)) return null;
  try {
    return traceHeader.parse(JSON.parse(text));
  } catch (cause) {
    throw new KeystoneError(
      'KS_CHECK_FAILED',
      `${file} begins like a recorded trace, but its header cannot be read: ${reasonOf(cause)}`,
      {
        hint: 'update Keystone if a newer one recorded it, or take a whole copy of it',
      },
    );
  }
}
