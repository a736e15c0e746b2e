/**
 * Regular expressions that mean the same in RE2 (DuckDB), Joni / RE2J (Trino, Athena), Python and JavaScript. A pattern always matches
 * the whole text. The subset: literals, `.`, classes, groups, `|`, `* + ? {n,m}`, `\d \w \D \W`, escaped punctuation, `\n \r \t`.
 * What differs between the engines (look-around, back references, anchors inside, `\s`, `\b`, `\p`, flags) is refused by name.
 */
import { ExpressionError } from './expression.js';

/** RE2's limit, also for nested repetitions multiplied. */
const MAX_REPEAT = 1000;
const SYNTAX = new Set('^$\\.*+?()[]{}|');
const CLASS_SYNTAX = new Set('^]\\-[');
const SHORTHAND: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Za-z_' };
const CONTROL: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
const CONTROL_NAMES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * The pattern rewritten so that no engine's defaults matter: `.` becomes `[^\n]`, `\d` becomes `[0-9]`, groups capture nothing.
 * Use it as a full match: `regexp_full_match(x, p)`, or between `^(?:` and `)$` with JavaScript's `u` flag.
 * Throws ExpressionError (offset in the pattern).
 */
export function portablePattern(pattern: string): string {
  const characters = [...stripAnchors(pattern)];
  let index = 0;
  const peek = (): string | undefined => characters[index];
  const fail = (message: string): never => {
    throw new ExpressionError(`pattern ${JSON.stringify(pattern)}: ${message}`, index);
  };

  const alternation = (): { readonly text: string; readonly repeats: number } => {
    const parts: string[] = [];
    let repeats = 1;
    for (;;) {
      let sequence = '';
      while (peek() !== undefined && peek() !== '|' && peek() !== ')') {
        const part = repeated();
        sequence += part.text;
        repeats = Math.max(repeats, part.repeats);
      }
      parts.push(sequence);
      if (peek() !== '|') return { text: parts.join('|'), repeats };
      index += 1;
    }
  };

  const repeated = (): { readonly text: string; readonly repeats: number } => {
    const part = atom();
    const quantifier = takeQuantifier();
    if (quantifier === undefined) return part;
    const repeats = part.repeats * quantifier.most;
    if (repeats > MAX_REPEAT) fail(`it repeats more than ${MAX_REPEAT} times`);
    if (peek() === '?') index += 1; // laziness does not change what matches as a whole
    if (peek() !== undefined && '*+?{'.includes(peek() as string)) fail('a repetition of a repetition needs a group');
    return { text: part.text + quantifier.text, repeats };
  };

  const takeQuantifier = (): { readonly text: string; readonly most: number } | undefined => {
    const sign = peek();
    if (sign === '*' || sign === '+' || sign === '?') {
      index += 1;
      return { text: sign, most: 1 };
    }
    if (sign !== '{') return undefined;
    const bounds = /^\{(\d{1,4})(,(\d{1,4})?)?\}/.exec(characters.slice(index, index + 11).join(''));
    if (!bounds) return fail('write a repetition as {2}, {2,} or {2,5}, and a brace itself as \\{');
    const [text, low, comma, high] = bounds;
    if (high !== undefined && Number(high) < Number(low)) fail('the repetition ends below its start');
    index += text.length;
    return { text: comma === undefined ? `{${low}}` : text, most: Math.max(1, Number(high ?? low)) };
  };

  const atom = (): { readonly text: string; readonly repeats: number } => {
    const character = characters[index] as string;
    if (character === '(') return group();
    if (character === '[') return { text: characterClass(), repeats: 1 };
    if (character === '\\') {
      const escaped = escape();
      return {
        text: escaped.kind === 'class' ? `[${escaped.negated ? '^' : ''}${escaped.text}]` : quote(escaped.text, SYNTAX),
        repeats: 1,
      };
    }
    if (character === '^' || character === '$') return fail('an anchor inside: a pattern always matches the whole text');
    if (SYNTAX.has(character) && character !== '.')
      return fail(`nothing for "${character}" to work on; write the character itself as \\${character}`);
    index += 1;
    return { text: character === '.' ? '[^\\n]' : quote(character, SYNTAX), repeats: 1 };
  };

  const group = (): { readonly text: string; readonly repeats: number } => {
    index += 1;
    if (peek() === '?') {
      if (characters[index + 1] !== ':') fail('only (…) and (?:…) groups are portable, no look-around, names or flags');
      index += 2;
    }
    const inner = alternation();
    if (peek() !== ')') fail('a "(" is never closed');
    index += 1;
    return { text: `(?:${inner.text})`, repeats: inner.repeats };
  };

  const escape = ():
    | { readonly kind: 'character'; readonly text: string }
    | { readonly kind: 'class'; readonly text: string; readonly negated: boolean } => {
    const character = characters[index + 1];
    if (character === undefined) return fail('it ends in a lone backslash');
    const shorthand = SHORTHAND[character.toLowerCase()];
    if (shorthand === undefined && CONTROL[character] === undefined && /[A-Za-z0-9\s]/.test(character)) {
      return fail(`\\${character} is not portable${character === 's' ? ': write [ \\t\\n\\r]' : ''}`);
    }
    index += 2;
    if (shorthand !== undefined) return { kind: 'class', text: shorthand, negated: character !== character.toLowerCase() };
    return { kind: 'character', text: CONTROL[character] ?? character };
  };

  /** One character of a class, or a shorthand that brings several. */
  const classMember = (): { readonly text: string; readonly single: string | null } => {
    const character = characters[index] as string;
    if (character === '\\') {
      const escaped = escape();
      if (escaped.kind === 'class' && escaped.negated) return fail('a negated shorthand inside a class is not portable');
      return escaped.kind === 'class'
        ? { text: escaped.text, single: null }
        : { text: quote(escaped.text, CLASS_SYNTAX), single: escaped.text };
    }
    if (character === '[') return fail('write "[" inside a class as \\[');
    if ('&~-|'.includes(character) && characters[index + 1] === character)
      return fail(`"${character}${character}" inside a class is not portable`);
    index += 1;
    return { text: quote(character, CLASS_SYNTAX), single: character };
  };

  const characterClass = (): string => {
    index += 1;
    let text = '[';
    if (peek() === '^') {
      text += '^';
      index += 1;
    }
    if (peek() === ']') fail('a class needs a member; write "]" inside it as \\]');
    while (peek() !== ']') {
      if (peek() === undefined) fail('a "[" is never closed');
      const from = classMember();
      text += from.text;
      if (peek() !== '-' || characters[index + 1] === ']' || characters[index + 1] === undefined) continue;
      if (from.single === null) fail('a range needs single characters');
      index += 1;
      const to = classMember();
      if (to.single === null) fail('a range needs single characters');
      if ((from.single?.codePointAt(0) ?? 0) > (to.single?.codePointAt(0) ?? 0)) fail('a range ends before its start');
      text += `-${to.text}`;
    }
    index += 1;
    return `${text}]`;
  };

  const quote = (character: string, syntax: ReadonlySet<string>): string => {
    const name = CONTROL_NAMES[character];
    if (name !== undefined) return name;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || (code >= 0xd800 && code <= 0xdfff)) fail('control characters and lone surrogates are not portable');
    return syntax.has(character) ? `\\${character}` : character;
  };

  const whole = alternation();
  if (peek() !== undefined) fail('a ")" closes nothing');
  return whole.text;
}

/** `^…$` around the whole pattern says what a full match says anyway; with a top-level `|` it would say something else, and stays to be refused. */
function stripAnchors(pattern: string): string {
  if (!pattern.startsWith('^') || !/(?<!\\)(\\\\)*\$$/.test(pattern)) return pattern;
  const inner = pattern.slice(1, -1);
  let depth = 0;
  let inClass = false;
  for (let at = 0; at < inner.length; at += 1) {
    const character = inner[at];
    if (character === '\\') at += 1;
    else if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === '|' && depth === 0) return pattern;
  }
  return inner;
}
