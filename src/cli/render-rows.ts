/** Rows as text: aligned columns for people, JSON, one JSON object per line, or CSV for programs. */
import { jsonText } from './json-text.js';
import { cellText, type Row, type ShapedRows } from './shape-rows.js';

export const OUTPUT_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export interface TableLook {
  /** Bold header. */
  readonly colour: boolean;
  /** Columns of the terminal; cells are cut to fit, or each row becomes a block. Undefined (no terminal): nothing is cut. */
  readonly widthColumns?: number | undefined;
}

/** The text of the rows, ending in a line end (empty text for no rows as a table or ndjson). */
export function renderRows({ rows, columns }: ShapedRows, format: OutputFormat, look: TableLook): string {
  const chosen = (row: Row): Row => Object.fromEntries(columns.map((column) => [column, row[column]]));
  switch (format) {
    case 'json':
      return `${jsonText(rows.map(chosen), 2)}\n`;
    case 'ndjson':
      return rows.map((row) => `${jsonText(chosen(row))}\n`).join('');
    case 'csv':
      return [columns, ...rows.map((row) => columns.map((column) => cellText(row[column])))]
        .map((cells) => `${cells.map(csvCell).join(',')}\n`)
        .join('');
    case 'table':
      return rows.length === 0 ? '' : renderTable(rows, columns, look);
  }
}

/** RFC 4180 quoting. */
const csvCell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const GAP = '  ';
/** No column is cut below this: rows that do not fit then are printed as blocks. */
const NARROWEST = 12;

function renderTable(rows: readonly Row[], columns: readonly string[], look: TableLook): string {
  const numeric = columns.map(
    (column) => rows.every((row) => isNumberOrEmpty(row[column])) && rows.some((row) => row[column] != null),
  );
  const body = rows.map((row) => columns.map((column) => oneLine(cellText(row[column]))));
  const widths = columns.map((column, index) =>
    body.reduce((widest, cells) => Math.max(widest, textWidth(cells[index] ?? '')), textWidth(column)),
  );
  const bold = (text: string): string => (look.colour ? `\u001B[1m${text}\u001B[22m` : text);
  if (look.widthColumns !== undefined && !shrink(widths, look.widthColumns)) return renderBlocks(body, columns, bold);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const text = cut(cell, widths[index] ?? 0);
        const blanks = ' '.repeat(Math.max(0, (widths[index] ?? 0) - textWidth(text)));
        return numeric[index] ? blanks + text : text + blanks;
      })
      .join(GAP)
      .trimEnd();
  const header = line(columns);
  return [bold(header), ...body.map(line)].map((text) => `${text}\n`).join('');
}

/** One `column  value` line per cell and an empty line between rows; long values are left to the terminal to wrap. */
function renderBlocks(body: readonly (readonly string[])[], columns: readonly string[], bold: (text: string) => string): string {
  const width = Math.max(...columns.map(textWidth));
  const name = (column: string): string => bold(column + ' '.repeat(width - textWidth(column)));
  const lineOf = (column: string, cell: string): string => `${cell === '' ? bold(column) : name(column) + GAP + cell}\n`;
  return body.map((cells) => columns.map((column, index) => lineOf(column, cells[index] ?? '')).join('')).join('\n');
}

const isNumberOrEmpty = (value: unknown): boolean => value == null || typeof value === 'number' || typeof value === 'bigint';

/** Control characters would break the columns (and could steer the terminal). */
// eslint-disable-next-line no-control-regex
const oneLine = (text: string): string => text.replaceAll(/[\u0000-\u001F\u007F-\u009F]+/g, ' ');

/** Columns on a terminal: combining marks take none, East Asian wide characters and emoji two. */
function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}|\u200D|\uFE0F/u.test(character)) continue;
    width += /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}/u.test(character)
      ? 2
      : 1;
  }
  return width;
}

function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (textWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Takes from the widest column until the line fits; false where it cannot. */
function shrink(widths: number[], available: number): boolean {
  let excess = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) - available;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= NARROWEST) return false;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return true;
}
