/** What a payload looks like, in words: from the structure that DuckDB tells of a JSON text. */

/** Its type names in words; what is none is given in small letters. */
const KINDS: Readonly<Record<string, string>> = { VARCHAR: 'text', JSON: 'mixed' };

/**
 * `[{"key":"price","value":"DOUBLE"},…]` (an object's fields by name) or a `json_structure` text → `{price: number, …}`. A text that
 * was cut, or is empty, is given as it is, or as `?`.
 */
export function payloadShape(structure: string): string {
  if (structure === '') return '?';
  let parsed: unknown;
  try {
    parsed = JSON.parse(structure);
  } catch {
    return `${structure}…`;
  }
  if (structure.startsWith('[{"key":') && Array.isArray(parsed)) {
    const fields = parsed as readonly { readonly key: string; readonly value: unknown }[];
    return objectShape(fields.map(({ key, value }) => [key, value]));
  }
  // Of an object without fields DuckDB says no more.
  return parsed === 'JSON' ? '{}' : shapeOf(parsed);
}

function shapeOf(structure: unknown): string {
  if (typeof structure === 'string') return KINDS[structure] ?? structure.toLowerCase();
  if (Array.isArray(structure)) return `[${structure.map(shapeOf).join(', ')}]`;
  if (typeof structure === 'object' && structure !== null) return objectShape(Object.entries(structure));
  return '?';
}

const objectShape = (fields: readonly (readonly [string, unknown])[]): string =>
  `{${fields.map(([name, value]) => `${name}: ${shapeOf(value)}`).join(', ')}}`;
