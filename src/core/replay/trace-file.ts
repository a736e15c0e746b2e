/** A recorded trace in NDJSON as events, in the order in which they were recorded. */
import { StringDecoder } from 'node:string_decoder';
import { KeystoneError } from '../errors.js';
import { fileBytes } from '../ingest/files/file-bytes.js';
import type { ReplayEvent, ReplayEvents } from './replay-event.js';
import { parseTraceHeader, parseTraceLine, TRACE_MARK, type TraceHeader } from './trace-lines.js';

const LONGEST_HEADER = 1_000_000;
const BATCH_EVENTS = 2_000;
const BATCH_CHARACTERS = 4_000_000;

/** The header of the file's first line; null for a file that is no recorded trace. */
export async function readTraceHeader(file: string, signal: AbortSignal): Promise<TraceHeader | null> {
  const decoder = new StringDecoder('utf8');
  let text = '';
  for await (const chunk of fileBytes(file, signal)) {
    text += decoder.write(chunk);
    const end = text.indexOf('\n');
    if (end !== -1) return parseTraceHeader(text.slice(0, end), file);
    if (text.length > LONGEST_HEADER || !text.startsWith(TRACE_MARK.slice(0, text.length))) return null;
  }
  return parseTraceHeader(text, file);
}

/**
 * `skip`: so many events are passed over. Memory is bounded by the longest line.
 * @throws KeystoneError KS_CHECK_FAILED for a broken line, or when the file holds another number of events than its header says.
 */
export async function* traceFileEvents(
  file: string,
  options: { readonly stream: string; readonly skip: number; readonly expected: number; readonly signal: AbortSignal },
): ReplayEvents {
  let number = 0;
  let events: ReplayEvent[] = [];
  let size = 0;
  for await (const line of textLines(file, options.signal)) {
    const position = number - 1;
    number++;
    // Line 1 is the header.
    if (position < 0 || position < options.skip || line === '') continue;
    events.push(parseTraceLine(line, `${file}, line ${number}`, { stream: options.stream, position }));
    size += line.length;
    if (events.length < BATCH_EVENTS && size < BATCH_CHARACTERS) continue;
    yield events;
    events = [];
    size = 0;
  }
  if (events.length > 0) yield events;
  if (number - 1 !== options.expected) {
    throw new KeystoneError('KS_CHECK_FAILED', `${file} holds ${number - 1} events, its header says ${options.expected}`, {
      hint: `${file} is not what was recorded: take a whole copy, or record it again`,
    });
  }
}

async function* textLines(file: string, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of fileBytes(file, signal)) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
