import type { ByteRange } from './expression.ts';

/** Unicode code points from and to, both inclusive. */
export type CodePointRange = readonly [from: number, to: number];

export const codePointMax = 0x10ffff;
/** Halves of UTF-16 pairs are no characters, and UTF-8 cannot write them. */
const surrogates: CodePointRange = [0xd800, 0xdfff];
/** Last code point of each length in UTF-8, from one byte to four. */
const lastOfLength = [0x7f, 0x7ff, 0xffff, codePointMax];

/** Every character there is. */
export const anyCharacter: readonly CodePointRange[] = [
  [0, surrogates[0] - 1],
  [surrogates[1] + 1, codePointMax],
];

/** Sorted, without overlaps. */
export function normalized(ranges: readonly CodePointRange[]): CodePointRange[] {
  const merged: [number, number][] = [];
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** Characters of one set that are not in the other. */
export function minus(ranges: readonly CodePointRange[], taken: readonly CodePointRange[]): CodePointRange[] {
  return normalized(taken).reduce<CodePointRange[]>(
    (left, [from, to]) =>
      left.flatMap(([a, b]): CodePointRange[] => {
        if (b < from || a > to) return [[a, b]];
        return [...(a < from ? [[a, from - 1] as const] : []), ...(b > to ? [[to + 1, b] as const] : [])];
      }),
    normalized(ranges),
  );
}

export const inverse = (ranges: readonly CodePointRange[]): CodePointRange[] => minus(anyCharacter, ranges);

/** The byte sequences in UTF-8 of a range of code points (after RE2's `AddUTF8Range`). */
export function utf8Sequences(range: CodePointRange): ByteRange[][] {
  return minus([range], [surrogates]).flatMap(([from, to]) => ofAnyLength(from, to));
}

function ofAnyLength(from: number, to: number): ByteRange[][] {
  const border = lastOfLength.find((last) => from <= last && last < to);
  if (border !== undefined) return [...ofAnyLength(from, border), ...ofAnyLength(border + 1, to)];
  if (to <= 0x7f) return [[[from, to]]];
  // Cut where the last bytes are not all of 80..BF, so that each byte has a range of its own.
  for (let bits = 6; bits < 24; bits += 6) {
    const mask = 2 ** bits - 1;
    if (from >> bits === to >> bits) break;
    if ((from & mask) !== 0) return [...ofAnyLength(from, from | mask), ...ofAnyLength((from | mask) + 1, to)];
    if ((to & mask) !== mask) return [...ofAnyLength(from, (to & ~mask) - 1), ...ofAnyLength(to & ~mask, to)];
  }
  const [first, last] = [bytesOf(from), bytesOf(to)];
  return [first.map((byte, at) => [byte, last[at] ?? byte] as const)];
}

const encoder = new TextEncoder();
const bytesOf = (codePoint: number): number[] => [...encoder.encode(String.fromCodePoint(codePoint))];
