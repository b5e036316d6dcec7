import {
  call,
  characters,
  choice,
  nothing,
  optional,
  repeat,
  Rule,
  sequence,
  shared,
  text,
  type Expression,
} from './expression.ts';
import { anyCharacter, minus, type CodePointRange } from './utf8.ts';

/** Of one number: as many as a double holds for certain. */
const integerDigitsMax = 15;
/** Levels of indentation, in spaces: models lay out JSON in lines, and must not go on laying out for ever. */
const indentMax = 32;

const digit = characters([[0x30, 0x39]]);
const positive = sequence(characters([[0x31, 0x39]]), repeat(digit, 0, integerDigitsMax - 1));
export const integer = shared(sequence(optional(text('-')), choice(text('0'), positive)));
const fraction = sequence(text('.'), repeat(digit, 1, integerDigitsMax));
const exponent = sequence(
  characters([
    [0x45, 0x45],
    [0x65, 0x65],
  ]),
  optional(
    characters([
      [0x2b, 0x2b],
      [0x2d, 0x2d],
    ]),
  ),
  repeat(digit, 1, 2),
);
export const number = shared(sequence(integer, optional(fraction), optional(exponent)));
export const boolean = choice(text('true'), text('false'));
export const none = text('null');

/** Between two parts: nothing, a space, or a new line with its indentation. */
export const space = shared(choice(nothing, text(' '), sequence(text('\n'), repeat(text(' '), 0, indentMax))));

const quote = 0x22;
const backslash = 0x5c;
const controls: CodePointRange = [0, 0x1f];
/** RFC 8259: these have to be escaped. */
const escaped: readonly CodePointRange[] = [controls, [quote, quote], [backslash, backslash]];
const shortEscapes = new Map([
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [quote, '"'],
  [backslash, '\\'],
]);

/** One of these characters inside of a JSON string, each written in one way. */
export function insideString(ranges: readonly CodePointRange[]): Expression {
  const special = minus(ranges, minus(anyCharacter, escaped));
  const escapes = special.flatMap(([from, to]) =>
    Array.from({ length: to - from + 1 }, (_, at) => escapeOf(from + at)),
  );
  return choice(characters(minus(ranges, escaped)), ...escapes.map(text));
}

function escapeOf(code: number): string {
  const short = shortEscapes.get(code);
  return short === undefined ? `\\u${code.toString(16).padStart(4, '0')}` : `\\${short}`;
}

const hex = characters([
  [0x30, 0x39],
  [0x41, 0x46],
  [0x61, 0x66],
]);
const ofHex = (letters: string): Expression => choice(...letters.split('').map(text));
/** Pairs for characters beyond U+FFFF; half a pair is no character. */
const unicodeEscape = sequence(
  text('\\u'),
  choice(
    sequence(ofHex('0123456789abcefABCEF'), hex, hex, hex),
    sequence(ofHex('dD'), ofHex('01234567'), hex, hex),
    sequence(ofHex('dD'), ofHex('89abAB'), hex, hex, text('\\u'), ofHex('dD'), ofHex('cdefCDEF'), hex, hex),
  ),
);
/** One character of a JSON string, in any way that it may be written. */
export const stringCharacter = shared(
  choice(characters(minus(anyCharacter, escaped)), sequence(text('\\'), ofHex('"\\/bfnrt')), unicodeEscape),
);
export const quoted = (inner: Expression): Expression => sequence(text('"'), inner, text('"'));
export const string = shared(quoted(repeat(stringCharacter, 0)));

/** Parts with commas between, inside of brackets. */
export const list = (open: string, parts: Expression, close: string): Expression =>
  sequence(text(open), space, parts, space, text(close));
export const comma = sequence(text(','), space);
export const colon = sequence(text(':'), optional(text(' ')));
export const many = (part: Expression): Expression => optional(sequence(part, repeat(sequence(comma, part), 0)));

const valueRule = new Rule();
/** Any JSON value. */
export const value = call(valueRule);
/** Any JSON object. */
export const object = shared(list('{', many(sequence(string, colon, value)), '}'));
export const array = shared(list('[', many(value), ']'));
valueRule.body = choice(object, array, string, number, boolean, none);
