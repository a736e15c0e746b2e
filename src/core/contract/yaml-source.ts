/** A YAML text that knows where each of its nodes stands, so that every problem can name its line. */
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';

export type YamlPath = readonly (string | number)[];

export interface YamlPosition {
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
}

export interface YamlSource {
  /** The content as plain data; undefined when the text has syntax errors. */
  readonly value: unknown;
  readonly syntaxErrors: readonly (YamlPosition & { readonly message: string })[];
  /** Where the node at `path` begins; an absent node counts as its nearest parent. */
  positionOf(path: YamlPath): YamlPosition;
  /** Where the key at the end of `path` is written; the node's own place when that is no key of a map. */
  keyPositionOf(path: YamlPath): YamlPosition;
}

export function readYamlSource(text: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, logLevel: 'error' });
  const place = (offset: number): YamlPosition => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const syntaxErrors = document.errors.map((error) => ({ ...place(error.pos[0]), message: error.message }));
  const value = syntaxErrors.length === 0 ? toPlain(document) : { failed: null };
  if ('failed' in value && value.failed !== null) syntaxErrors.push({ line: 1, column: 1, message: value.failed });
  const nodeAt = (path: YamlPath): unknown => (path.length === 0 ? document.contents : document.getIn(path, true));
  const positionOf = (path: YamlPath): YamlPosition => {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = nodeAt(path.slice(0, length));
      if (isNode(node) && node.range) return place(node.range[0]);
    }
    return { line: 1, column: 1 };
  };
  return {
    value: 'value' in value ? value.value : undefined,
    syntaxErrors,
    positionOf,
    keyPositionOf: (path) => {
      const parent = nodeAt(path.slice(0, -1));
      const pair = isMap(parent)
        ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(path.at(-1)))
        : undefined;
      return pair && isNode(pair.key) && pair.key.range ? place(pair.key.range[0]) : positionOf(path);
    },
  };
}

/** Alias bombs and unresolved aliases are refused here, as text. */
function toPlain(document: Document.Parsed): { readonly value: unknown } | { readonly failed: string | null } {
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) as unknown };
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}
