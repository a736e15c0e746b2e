/** Lines that are wider than a terminal, broken between words instead of in the middle of one. */

/** In code points: what a trace tells is ids, paths and numbers. */
const widthOf = (text: string): number => [...text].length;

/** Below this a terminal has told no width. */
const NARROWEST = 20;
/** What a continued line is set in by; less than its line where that is set in itself. */
const HANG = 4;

/** A line without a blank to break at stays whole, so that a path or an id can still be copied. */
export const wrapText = (text: string, width: number): string =>
  text
    .split('\n')
    .flatMap((line) => wrapLine(line, width))
    .join('\n');

function wrapLine(line: string, width: number): readonly string[] {
  if (width < NARROWEST || widthOf(line) <= width) return [line];
  const indent = ' '.repeat((/^ */.exec(line)?.[0].length ?? 0) + HANG);
  const lines: string[] = [];
  let current = '';
  // A word with the blanks before it: columns within the line stay where they are.
  for (const [part] of line.matchAll(/ *[^ ]+/g)) {
    if (current.trim() === '' || widthOf(current + part) <= width) current += part;
    else {
      lines.push(current);
      current = indent + part.trimStart();
    }
  }
  return [...lines, current];
}
