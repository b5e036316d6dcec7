import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRng } from '@qwenfleet/core/rng';
import { blockSize, fromQ4, fromQ8Zero, quantizeInt4, quantizeInt8, type QuantizedRows } from './quantise.ts';
import { ggufTypes } from './weights/block-type.ts';

const nibble = (bytes: Uint8Array, index: number): number => ((bytes[index >> 1] ?? 0) >> (4 * (index & 1))) & 15;

function int8Values({ values, scales }: QuantizedRows): number[] {
  return Array.from(values, (value, index) => (value - 128) * (scales[Math.floor(index / blockSize)] ?? 0));
}

function int4Values({ values, scales, zeroPoints }: QuantizedRows, columns: number): number[] {
  const blocksPerRow = columns / blockSize;
  const bytesPerRow = Math.ceil(blocksPerRow / 2);
  return Array.from({ length: values.length * 2 }, (_, index) => {
    const block = Math.floor(index / blockSize);
    const row = Math.floor(block / blocksPerRow);
    const zeroPoint = zeroPoints ? nibble(zeroPoints, row * bytesPerRow * 2 + (block % blocksPerRow)) : 8;
    return (nibble(values, index) - zeroPoint) * (scales[block] ?? 0);
  });
}

const gaussian = (count: number, seed: number): Float32Array => {
  const rng = seededRng(seed);
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(rng() + 1e-9)) * Math.cos(2 * Math.PI * rng()),
  );
};

describe('eight bits', () => {
  it('are off by half a step of their block at most', () => {
    const rows = gaussian(4 * 96, 1);
    const back = int8Values(quantizeInt8(rows));
    for (let block = 0; block < rows.length / blockSize; block += 1) {
      const own = [...rows.subarray(block * blockSize, (block + 1) * blockSize)];
      const step = Math.max(...own.map(Math.abs)) / 127;
      own.forEach((value, index) =>
        expect(Math.abs((back[block * blockSize + index] ?? NaN) - value)).toBeLessThanOrEqual(step * 0.501),
      );
    }
  });

  it('keep a block of zeros', () => {
    expect(int8Values(quantizeInt8(new Float32Array(32)))).toEqual(Array.from({ length: 32 }, () => 0));
  });
});

describe('four bits', () => {
  it.each([32, 96, 128])('with %i columns follow their blocks, zero points packed along each row', (columns) => {
    const rows = gaussian(3 * columns, columns);
    const back = int4Values(quantizeInt4(rows, columns), columns);
    const error = Math.sqrt(
      back.reduce((sum, value, index) => sum + (value - (rows[index] ?? 0)) ** 2, 0) / rows.length,
    );
    // A Gaussian block of 32 spans about four deviations; a sixteenth of that, over the square root of 12.
    expect(error).toBeLessThan(0.1);
  });

  it('keep zero exactly, for masked and padded weights stay what they are', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: 31, maxLength: 31 }), (values) => {
        const back = int4Values(quantizeInt4(Float32Array.from([...values, 0]), 32), 32);
        expect(Math.abs(back[31] ?? NaN)).toBe(0);
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});

describe('blocks that are quantised already', () => {
  const random = (bytes: number, seed: number): Uint8Array => {
    const rng = seededRng(seed);
    return Uint8Array.from({ length: bytes }, () => Math.floor(rng() * 256));
  };
  /** A half of about one as the scale, and as the minimum where there is one. */
  const withScales = (raw: Uint8Array, blockBytes: number, halves: number): Uint8Array => {
    for (let at = 0; at < raw.length; at += blockBytes) {
      for (let half = 0; half < halves; half += 1) raw.set([0x10 * half + 0x55, 0x38], at + 2 * half);
    }
    return raw;
  };

  it('of Q8_0 lose nothing', () => {
    const raw = withScales(random(34 * 3, 4), 34, 1);
    const expected = new Float32Array(96);
    ggufTypes.get(8)?.decode(raw, expected);
    expect(int8Values(fromQ8Zero(raw))).toEqual([...expected]);
  });

  it.each([
    ['Q4_0', 2, 18, 1],
    ['Q4_1', 3, 20, 2],
  ] as const)('of %s lose nothing', (_name, type, blockBytes, halves) => {
    const raw = withScales(random(blockBytes * 4, 9), blockBytes, halves);
    const expected = new Float32Array(128);
    ggufTypes.get(type)?.decode(raw, expected);
    const rows = fromQ4(raw, blockBytes);
    const back = int4Values(rows, 128).map(
      (value, index) => value + (rows.minimums[Math.floor(index / blockSize)] ?? 0),
    );
    back.forEach((value, index) => expect(value).toBeCloseTo(expected[index] ?? NaN, 4));
  });
});
