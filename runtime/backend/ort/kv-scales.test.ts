import { describe, expect, it } from 'vitest';
import { nextScales } from './kv-scales.ts';

/** One layer of one head of four channels: keys, then values. */
const shape = { layers: 1, keyValueHeads: 1, headSize: 4 };
const next = (scales: readonly number[], steps: readonly number[]): number[] => [
  ...nextScales(Float32Array.from(scales), Uint8Array.from(steps), shape),
];
const all = (scale: number): number[] => Array.from({ length: 8 }, () => scale);

describe('the scales of a cache in int8', () => {
  it('leave a fifth above the largest that was seen', () => {
    const [, , , , value] = next(all(0.5), [0, 0, 0, 0, 100, 0, 0, 0]);
    expect(value).toBeCloseTo((100.5 * 0.5 * 1.2) / 127, 5);
  });

  it('go by the length of a pair of a key, which is the same at every position', () => {
    const [first, second, third] = next(all(0.1), [30, 0, 40, 0, 30, 0, 40, 0]);
    // Channels 0 and 2 are turned into each other: 3, 4, 5.
    for (const scale of [first, third]) expect(scale).toBeCloseTo((50 * 0.1 * 1.2) / 127, 3);
    expect(second).toBeLessThan(0.001);
    const [, , , , value] = next(all(0.1), [30, 0, 40, 0, 30, 0, 40, 0]);
    expect(value).toBeCloseTo((30.5 * 0.1 * 1.2) / 127, 5);
  });

  it('grow where a value was cut off, and its partner with it', () => {
    const grown = next(all(0.5), [127, 1, 1, 1, 127, 1, 1, 1]);
    expect([grown[0], grown[2], grown[4]]).toEqual([8, 8, 8]);
    expect(grown[6]).toBeLessThan(0.5);
  });

  it('are never nought, whatever is seen', () => {
    let scales = all(1);
    for (let pass = 0; pass < 20; pass += 1) scales = next(scales, all(0));
    for (const scale of scales) expect(scale).toBeGreaterThan(0);
  });
});
