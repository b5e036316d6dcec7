import { utf8Sequences, type CodePointRange } from './utf8.ts';

/** Bytes from and to, both inclusive. */
export type ByteRange = readonly [from: number, to: number];

/** Texts that may be, as a tree. `until` is the shortest text that ends in a tag, `without` any text that has no tag in it. */
export type Expression =
  | { kind: 'bytes'; sequences: readonly (readonly ByteRange[])[] }
  | { kind: 'sequence'; parts: readonly Expression[] }
  | { kind: 'choice'; options: readonly Expression[] }
  | { kind: 'repeat'; of: Expression; min: number; max: number }
  | { kind: 'until' | 'without'; tag: string }
  | { kind: 'call'; rule: Rule };

/** An expression with a place of its own, so that others can share it, or it can contain itself. */
export class Rule {
  body: Expression = nothing;
}

const encoder = new TextEncoder();

export const text = (of: string): Expression => ({
  kind: 'bytes',
  sequences: [[...encoder.encode(of)].map((byte) => [byte, byte] as const)],
});
/** One character of these. */
export const characters = (ranges: readonly CodePointRange[]): Expression => ({
  kind: 'bytes',
  sequences: ranges.flatMap(utf8Sequences),
});
export const sequence = (...parts: readonly Expression[]): Expression => ({ kind: 'sequence', parts });
export const choice = (...options: readonly Expression[]): Expression => ({ kind: 'choice', options });
export const repeat = (of: Expression, min: number, max = Infinity): Expression => ({ kind: 'repeat', of, min, max });
export const optional = (of: Expression): Expression => repeat(of, 0, 1);
export const until = (tag: string): Expression => ({ kind: 'until', tag });
export const without = (tag: string): Expression => ({ kind: 'without', tag });
export const call = (rule: Rule): Expression => ({ kind: 'call', rule });
export const nothing: Expression = { kind: 'sequence', parts: [] };

/** The expression behind a rule: used in several places, compiled once. */
export function shared(body: Expression): Expression {
  const rule = new Rule();
  rule.body = body;
  return call(rule);
}
