/**
 * The payload of a CSV row: one JSON object, header name → the cell's verbatim text, in header order, no blanks between tokens.
 * Same row, same bytes: the event's id and every later comparison stand on that.
 */
export function csvPayloads(header: readonly string[]): (cells: readonly string[]) => Uint8Array {
  const openings = header.map((name, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`);
  return (cells) => {
    let json = '';
    for (let index = 0; index < openings.length; index++) json += (openings[index] ?? '') + JSON.stringify(cells[index] ?? '');
    return Buffer.from(`${json}}`, 'utf8');
  };
}
