import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, digestOf } from './canonical.ts';

/** The same value with its keys the other way round, at every depth. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

describe('the digest of a value', () => {
  it('does not depend on the order of keys, and JSON keeps it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(digestOf(reversed(value))).toBe(digestOf(value));
        expect(digestOf(JSON.parse(canonicalJson(value)))).toBe(digestOf(value));
      }),
    );
  });

  it('does not see what is undefined, so that a field may come later', () => {
    expect(digestOf({ a: 1, b: undefined, c: { d: undefined } })).toBe(digestOf({ a: 1, c: {} }));
  });

  it('sees every other difference', () => {
    expect(digestOf({ a: 1 })).not.toBe(digestOf({ a: '1' }));
    expect(digestOf(['a', 'b'])).not.toBe(digestOf(['b', 'a']));
    expect(digestOf({ a: null })).not.toBe(digestOf({}));
  });
});
