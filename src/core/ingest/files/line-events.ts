/** The lines of an NDJSON file as events: each line's bytes are one payload, whatever they are. Blank lines are no events. */
import { jsonColumns } from '../../event/business-key.js';
import { fileEventIds } from '../../event/file-event-id.js';
import type { FileEvent, FileEvents } from './file-event.js';

export interface LineEventsOptions {
  readonly dataset: string;
  readonly source: string;
  /** A longer line is no event that any log takes: it is left out. */
  readonly maxLineBytes: number;
  /** Told the 1-based number of each line that is left out. */
  readonly onLongLine: (line: number) => void;
  readonly onBlankLine?: () => void;
}

const LF = 0x0a;
const CR = 0x0d;
const NO_BYTES: Buffer = Buffer.alloc(0);

const withoutCr = (line: Buffer): Buffer => (line.at(-1) === CR ? line.subarray(0, -1) : line);

/** `lines[n]` is line `firstLine + n` of the file, without LF or CRLF. */
interface LineBatch {
  readonly firstLine: number;
  readonly lines: readonly Buffer[];
}

/** A byte order mark at the start belongs to the file, not to its first line. Of a line that is too long nothing is kept. */
async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
  onLongLine: (line: number) => void,
): AsyncGenerator<LineBatch> {
  let rest: Buffer = NO_BYTES;
  let atStart = true;
  /** The line that `rest` starts with or, in a long line, goes on with. */
  let line = 1;
  let inLongLine = false;
  const withoutMark = (): void => {
    if (rest[0] === 0xef && rest[1] === 0xbb && rest[2] === 0xbf) rest = rest.subarray(3);
    atStart = false;
  };
  for await (const chunk of bytes) {
    rest = rest.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.concat([rest, chunk]);
    if (atStart) {
      if (rest.length < 3) continue;
      withoutMark();
    }
    let lines: Buffer[] = [];
    let firstLine = line;
    let from = 0;
    for (let end = rest.indexOf(LF); end !== -1; end = rest.indexOf(LF, from)) {
      const found = withoutCr(rest.subarray(from, end));
      from = end + 1;
      if (!inLongLine && found.length <= maxLineBytes) {
        lines.push(found);
        line++;
        continue;
      }
      if (!inLongLine) onLongLine(line);
      inLongLine = false;
      if (lines.length > 0) yield { firstLine, lines };
      lines = [];
      line++;
      firstLine = line;
    }
    rest = rest.subarray(from);
    if (lines.length > 0) yield { firstLine, lines };
    // One byte more may be the CR of a line end that is still to come.
    if (!inLongLine && rest.length > maxLineBytes + 1) {
      onLongLine(line);
      inLongLine = true;
    }
    if (inLongLine) rest = NO_BYTES;
  }
  if (atStart) withoutMark();
  if (rest.length === 0) return;
  // Of a file of one or two bytes this is the first look: it may still hold line ends.
  const lines: Buffer[] = [];
  for (let from = 0; from < rest.length;) {
    const found = rest.indexOf(LF, from);
    const end = found === -1 ? rest.length : found;
    lines.push(withoutCr(rest.subarray(from, end)));
    from = end + 1;
  }
  if (lines.length === 1 && (lines[0]?.length ?? 0) > maxLineBytes) onLongLine(line);
  else yield { firstLine: line, lines };
}

/** Memory is bounded by the chunks of `bytes` and the longest line that is taken. */
export async function* lineEvents(bytes: AsyncIterable<Uint8Array>, options: LineEventsOptions): FileEvents {
  const { dataset, source } = options;
  const ids = fileEventIds(dataset);
  for await (const { firstLine, lines } of linesOf(bytes, options.maxLineBytes, options.onLongLine)) {
    const events: FileEvent[] = [];
    for (const [index, payload] of lines.entries()) {
      if (payload.length === 0) {
        options.onBlankLine?.();
        continue;
      }
      const eventId = ids.ofPayload(payload);
      events.push({ payload, dataset, eventId, source, line: firstLine + index, headers: [], valueOf: jsonColumns(payload) });
    }
    if (events.length > 0) yield events;
  }
}
