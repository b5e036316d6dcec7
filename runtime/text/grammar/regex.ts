import { RegExpParser, type AST } from '@eslint-community/regexpp';
import { FleetError } from '@qwenfleet/core/errors';
import { characters, choice, nothing, repeat, sequence, type Expression } from './expression.ts';
import { anyCharacter, codePointMax, inverse, minus, normalized, type CodePointRange } from './utf8.ts';

/** Longer ones are no patterns that a person wrote. */
const patternCharsMax = 4_096;

/** How a character of these is written where the pattern applies; inside of JSON, a quote has a backslash. */
export type WriteCharacters = (ranges: readonly CodePointRange[]) => Expression;

const digits: CodePointRange[] = [[0x30, 0x39]];
const words: CodePointRange[] = [...digits, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
/** White space and line ends of ECMA-262. */
const spaces: CodePointRange[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const lineEnds: CodePointRange[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];

/**
 * Texts that match a regular expression of ECMA-262 as a whole. Throws `invalid_request`, without the name of a field, for
 * one that cannot be read, and for what no automaton can do (lookaround, backreferences, anchors inside).
 */
export function wholeMatch(pattern: string, write: WriteCharacters = characters): Expression {
  const { alternatives } = parsed(pattern);
  return choice(...alternatives.map(({ elements }) => new Reader(write).elements(anchored(elements).inner)));
}

/** Texts that have a match in them, as JSON schemas mean `pattern`: `^` and `$` tie it to an end. */
export function anyMatch(pattern: string, write: WriteCharacters = characters): Expression {
  const rest = repeat(write(anyCharacter), 0);
  return choice(
    ...parsed(pattern).alternatives.map(({ elements }) => {
      const { inner, start, end } = anchored(elements);
      return sequence(start ? nothing : rest, new Reader(write).elements(inner), end ? nothing : rest);
    }),
  );
}

function parsed(pattern: string): AST.Pattern {
  if (pattern.length > patternCharsMax) throw refused(`it is longer than ${patternCharsMax} characters`);
  const parser = new RegExpParser({ ecmaVersion: 2025 });
  try {
    return parser.parsePattern(pattern, 0, pattern.length, { unicode: true });
  } catch {
    // Other languages escape what `u` forbids to.
    try {
      return parser.parsePattern(pattern);
    } catch (cause) {
      throw refused(cause instanceof Error ? cause.message : 'it cannot be read');
    }
  }
}

type Anchored = { inner: readonly AST.Element[]; start: boolean; end: boolean };

function anchored(elements: readonly AST.Element[]): Anchored {
  const start = elements[0]?.type === 'Assertion' && elements[0].kind === 'start';
  const last = elements.at(-1);
  const end = last?.type === 'Assertion' && last.kind === 'end';
  return { inner: elements.slice(start ? 1 : 0, end ? -1 : undefined), start, end };
}

class Reader {
  readonly #write: WriteCharacters;

  constructor(write: WriteCharacters) {
    this.#write = write;
  }

  elements(elements: readonly AST.Element[]): Expression {
    return sequence(...elements.map((each) => this.#element(each)));
  }

  #element(element: AST.Element | AST.QuantifiableElement): Expression {
    if (element.type === 'Group' || element.type === 'CapturingGroup')
      return choice(...element.alternatives.map((each) => this.elements(each.elements)));
    if (element.type === 'Quantifier') return repeat(this.#element(element.element), element.min, element.max);
    if (element.type === 'Assertion' || element.type === 'Backreference')
      throw refused(`"${element.raw}" is not supported there`);
    return this.#write(rangesOf(element));
  }
}

type CharacterElement = AST.Character | AST.CharacterSet | AST.CharacterClass | AST.ExpressionCharacterClass;
type ClassElement = AST.CharacterClassElement | CharacterElement;

function rangesOf(element: ClassElement): CodePointRange[] {
  if (element.type === 'Character') return [[element.value, element.value]];
  if (element.type === 'CharacterClassRange') return [[element.min.value, element.max.value]];
  if (element.type === 'CharacterSet') return setOf(element);
  if (element.type !== 'CharacterClass') throw refused(`"${element.raw}" is not supported`);
  const ranges = normalized(element.elements.flatMap((each) => rangesOf(each)));
  return element.negate ? inverse(ranges) : minus(ranges, []);
}

function setOf(set: AST.CharacterSet): CodePointRange[] {
  if (set.kind === 'any') return inverse(lineEnds);
  if (set.kind === 'property') return propertyOf(set.raw);
  const ranges = { digit: digits, word: words, space: spaces }[set.kind];
  return set.negate ? inverse(ranges) : ranges;
}

const properties = new Map<string, CodePointRange[]>();

/** Characters of a Unicode property such as `\p{L}`: every code point is asked, once for each property. */
function propertyOf(raw: string): CodePointRange[] {
  const known = properties.get(raw);
  if (known) return known;
  const test = new RegExp(raw, 'u');
  const found: [number, number][] = [];
  for (let code = 0; code <= codePointMax; code += 1) {
    if (!test.test(String.fromCodePoint(code))) continue;
    const last = found.at(-1);
    if (last && last[1] === code - 1) last[1] = code;
    else found.push([code, code]);
  }
  properties.set(raw, found);
  return found;
}

const refused = (why: string): FleetError => new FleetError('invalid_request', `as a pattern, ${why}`);
