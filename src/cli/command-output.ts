/**
 * What a command prints on standard output: rows and texts as `--output` and the list flags say, JSON lines without end, or the one
 * envelope of `--json`.
 */
import type { JsonEnvelope } from './json-envelope.js';
import { jsonText } from './json-text.js';
import { renderRows, type OutputFormat } from './render-rows.js';
import { shapeRows, type Row, type RowShape } from './shape-rows.js';
import { coloured } from './terminal.js';

export interface CommandOutput {
  /** Prints the rows, unless `--json` prints them in the result; returns them filtered, sorted and limited. */
  rows<T extends object>(rows: readonly T[], columns?: readonly string[]): readonly T[];
  /** A line for people; nothing when a program reads. */
  say(text: string): void;
  /** One line of JSON; such lines stand for the envelope. */
  line(value: unknown): void;
  /** What `run` returned, where nothing that was printed stands for it. */
  result(value: unknown): void;
  /** The envelope of a failure. */
  error(error: object): void;
  hasLines(): boolean;
  /** Whether a program reads. */
  isForProgram(): boolean;
}

export interface CommandOutputOptions {
  /** Known before the flags are parsed: a parse error is told as JSON too. */
  readonly isJson: () => boolean;
  /** `--output` and the list flags, once they are parsed. */
  readonly shape: () => RowShape & { readonly output?: OutputFormat };
  readonly envelope: JsonEnvelope;
  /** Called before anything is printed: what progress has drawn has to go. */
  readonly clear: () => void;
}

export function commandOutput({ isJson, shape, envelope, clear }: CommandOutputOptions): CommandOutput {
  let rowsPrinted = false;
  let linesPrinted = false;
  const format = (): OutputFormat => shape().output ?? 'table';
  const print = (text: string): void => {
    clear();
    process.stdout.write(text);
  };
  return {
    rows: <T extends object>(rows: readonly T[], columns?: readonly string[]): readonly T[] => {
      const shaped = shapeRows(rows, columns ?? Object.keys(rows[0] ?? {}), shape());
      if (!isJson()) {
        const terminal = process.stdout.isTTY === true;
        const look = { colour: coloured(process.stdout), widthColumns: terminal ? process.stdout.columns : undefined };
        print(renderRows(shaped, format(), look));
        rowsPrinted = true;
      }
      return shaped.rows as readonly (T & Row)[];
    },
    say: (text) => {
      if (!isJson() && format() === 'table') print(`${text}\n`);
    },
    line: (value) => {
      linesPrinted = true;
      print(`${jsonText(value)}\n`);
    },
    result: (value) => {
      if (linesPrinted) return;
      if (isJson()) print(envelope.ofResult(value));
      else if (format() === 'json' && !rowsPrinted) print(`${jsonText(value, 2)}\n`);
    },
    error: (error) => print(envelope.ofError(error, linesPrinted ? 0 : 2)),
    hasLines: () => linesPrinted,
    isForProgram: () => isJson() || format() !== 'table',
  };
}
