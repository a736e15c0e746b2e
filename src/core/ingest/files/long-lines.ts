/** Lines of NDJSON that are longer than a message may be: left out, counted, and the first of them named. */

export interface LongLines {
  /** `line` is 1-based. */
  readonly leftOut: (source: string, line: number) => void;
  readonly count: () => number;
  /** One text for each of the first lines, and one for the rest. */
  readonly warnings: () => readonly string[];
}

const LINES_SHOWN = 10;

export function createLongLines(maxLineBytes: number): LongLines {
  let count = 0;
  const shown: string[] = [];
  return {
    leftOut: (source, line) => {
      count++;
      if (shown.length === LINES_SHOWN) return;
      shown.push(
        `${source}, line ${line} is left out: it is longer than ${maxLineBytes} bytes; raise ingest.maxMessage here and at the server, or split it`,
      );
    },
    count: () => count,
    warnings: () => (count > shown.length ? [...shown, `${count - shown.length} more lines are left out as too long`] : shown),
  };
}
