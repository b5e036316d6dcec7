import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deepFreeze } from '@qwenfleet/kube/reflector/freeze';
import { asStored, sameStatus } from './status-writer.ts';

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
/** In words that are slow and plainly right. */
const slowly = (value: object): unknown =>
  JSON.parse(
    JSON.stringify(
      JSON.parse(JSON.stringify(value), (key, inner: unknown) => (key !== '' && isEmpty(inner) ? undefined : inner)),
    ),
  );

const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.constant(undefined));
const key = fc.constantFrom('conditions', 'scaling', 'rollout', 'replicas', 'reason');
const { status } = fc.letrec<{ value: unknown; status: Record<string, unknown> }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('value'), { maxLength: 3 }), tie('status')),
  status: fc.dictionary(key, tie('value'), { noNullPrototype: true }),
}));

describe('a status as the API server stores it', () => {
  it('is its JSON without empty objects, whether the cache holds it or not', () => {
    fc.assert(
      fc.property(status, (value) => {
        expect(asStored(value)).toStrictEqual(slowly(value));
        const frozen = deepFreeze(structuredClone(value));
        expect(asStored(frozen)).toStrictEqual(slowly(value));
        expect(sameStatus(frozen, value)).toBe(true);
      }),
    );
  });

  it('is read once for each object of the cache', () => {
    const held = deepFreeze({ scaling: { desired: 1 }, rollout: {} });
    expect(asStored(held)).toEqual({ scaling: { desired: 1 } });
    expect(asStored(held)).toBe(asStored(held));
    expect(asStored(undefined)).toEqual({});
  });
});
