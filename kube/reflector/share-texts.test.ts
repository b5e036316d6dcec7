import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deepFreeze } from './freeze.ts';
import { shareTexts } from './share-texts.ts';

const pod = (index: number): string =>
  JSON.stringify({
    metadata: {
      name: `pod-${index}`,
      labels: { 'qwenfleet.io/deployment': 'a pool with quite a long name of its own' },
    },
    spec: { containers: [{ name: 'engine', image: `registry.example.com/team/${'runtime'.repeat(15)}:0.1.0` }] },
  });

/** In bytes, after a collection. */
function heldBy(count: number, each: (value: unknown) => unknown): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const objects = Array.from({ length: count }, (_, index) => each(JSON.parse(pod(index))));
  collect();
  const bytes = process.memoryUsage().heapUsed - before;
  expect(objects).toHaveLength(count);
  return bytes;
}

describe('objects that say the same', () => {
  it('take less memory than as many that do not share it', () => {
    const apart = heldBy(5_000, (value) => value);
    const together = heldBy(5_000, shareTexts);
    expect(together).toBeLessThan(0.75 * apart);
  });

  it('are what they were', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(shareTexts(structuredClone(value))).toStrictEqual(value);
        expect(shareTexts(deepFreeze(structuredClone(value)))).toStrictEqual(value);
      }),
    );
  });
});
