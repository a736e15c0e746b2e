/** The lines of an NDJSON file as events: each line's bytes are one payload, whatever they are. Blank lines are no events. */
import { jsonColumns } from '../event/business-key.js';
import { fileEventIds } from '../event/file-event-id.js';
import { KeystoneError } from '../errors.js';
import type { FileEvent, FileEvents } from './file-event.js';

export interface LineEventsOptions {
  readonly dataset: string;
  readonly source: string;
  /** A longer line is no event that any log takes. */
  readonly maxLineBytes: number;
  readonly onBlankLine?: () => void;
}

const LF = 0x0a;
const CR = 0x0d;

const withoutCr = (line: Buffer): Buffer => (line.at(-1) === CR ? line.subarray(0, -1) : line);

/** Lines without LF or CRLF; a byte order mark at the start belongs to the file, not to its first line. */
async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  source: string,
  maxLineBytes: number,
): AsyncGenerator<readonly Buffer[]> {
  let rest: Buffer = Buffer.alloc(0);
  let atStart = true;
  let lineNumber = 0;
  const checked = (line: Buffer): Buffer => {
    if (line.length > maxLineBytes) {
      throw new KeystoneError(
        'KS_CHECK_FAILED',
        `${source}, line ${lineNumber + 1} is longer than ${maxLineBytes} bytes; the lines before it were sent`,
        {
          hint: 'raise ingest.maxMessage with --set ingest.maxMessage=64MiB, or split the line',
        },
      );
    }
    return line;
  };
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
    const lines: Buffer[] = [];
    let from = 0;
    for (let end = rest.indexOf(LF); end !== -1; end = rest.indexOf(LF, from)) {
      const line = withoutCr(rest.subarray(from, end));
      // What came before a line that is too long is sent first.
      if (line.length > maxLineBytes) break;
      lines.push(line);
      lineNumber++;
      from = end + 1;
    }
    rest = rest.subarray(from);
    if (lines.length > 0) yield lines;
    const open = rest.indexOf(LF);
    checked(open === -1 ? rest : withoutCr(rest.subarray(0, open)));
  }
  if (atStart) withoutMark();
  if (rest.length > 0) yield [withoutCr(rest)];
}

/** @throws KeystoneError KS_CHECK_FAILED for a line longer than the limit. */
export async function* lineEvents(bytes: AsyncIterable<Uint8Array>, options: LineEventsOptions): FileEvents {
  const { dataset, source } = options;
  const ids = fileEventIds(dataset);
  for await (const lines of linesOf(bytes, source, options.maxLineBytes)) {
    const events: FileEvent[] = [];
    for (const payload of lines) {
      if (payload.length === 0) options.onBlankLine?.();
      else events.push({ payload, dataset, eventId: ids.ofPayload(payload), source, headers: [], valueOf: jsonColumns(payload) });
    }
    if (events.length > 0) yield events;
  }
}
