import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetError } from '@qwenfleet/core/errors';
import { MemoryBlock, nativeBytes, trimMemory } from './memory.ts';

const page = 2 ** 21;

describe('a block of native memory', () => {
  it('is what was asked for, rounded up to large pages, and begins at one', () => {
    for (const [asked, wanted] of [
      [0, page],
      [1, page],
      [page, page],
      [page + 1, 2 * page],
    ] as const) {
      const block = new MemoryBlock(asked);
      expect(block.bytes).toBe(wanted);
      expect(block.buffer.byteLength).toBe(wanted);
      expect(block.address % BigInt(page)).toBe(0n);
      block.free();
    }
  });

  it('is the same memory for everybody who looks at it', () => {
    const block = new MemoryBlock(64);
    new Float32Array(block.buffer, 8, 2).set([1.5, -2]);
    expect([...new Float32Array(block.buffer).subarray(2, 4)]).toEqual([1.5, -2]);
    block.free();
  });

  it('does not touch its neighbours, to the last byte', () => {
    const blocks = Array.from({ length: 4 }, () => new MemoryBlock(page));
    blocks.forEach((block, index) => new Uint8Array(block.buffer).fill(index + 1));
    blocks.forEach((block, index) => {
      const bytes = new Uint8Array(block.buffer);
      expect([bytes[0], bytes.at(-1)]).toEqual([index + 1, index + 1]);
    });
    for (const block of blocks) block.free();
  });

  it('is freed once, however often that is asked', () => {
    const before = nativeBytes();
    const block = new MemoryBlock(1);
    expect(nativeBytes()).toBe(before + page);
    block.free();
    block.free();
    expect(nativeBytes()).toBe(before);
  });

  it.each([2 ** 55, Number.MAX_SAFE_INTEGER])('of %d bytes is refused with a code, and counted nowhere', (bytes) => {
    const before = nativeBytes();
    expect(() => new MemoryBlock(bytes)).toThrow(FleetError);
    expect(() => new MemoryBlock(bytes)).toThrow(/MiB of memory left, \d+ are; use fewer slots/);
    expect(nativeBytes()).toBe(before);
  });

  it('of more than is free is refused, whatever the kernel would promise', () => {
    const before = nativeBytes();
    expect(() => new MemoryBlock(2 * page + 1, 2 * page)).toThrow(/There are no 6 MiB of memory left, 4 are;/);
    expect(nativeBytes()).toBe(before);
    new MemoryBlock(2 * page, 2 * page).free();
  });

  it.each([Number.NaN, -1, Infinity])('of %d bytes is refused, too', (bytes) => {
    expect(() => new MemoryBlock(bytes)).toThrow(FleetError);
  });

  it('comes and goes in any order, and all of it comes back', () => {
    const before = nativeBytes();
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 * page }), { maxLength: 8 }), fc.nat(), (sizes, order) => {
        const blocks = sizes.map((bytes) => new MemoryBlock(bytes));
        expect(nativeBytes() - before).toBe(blocks.reduce((sum, { bytes }) => sum + bytes, 0));
        while (blocks.length > 0) blocks.splice(order % blocks.length, 1)[0]?.free();
        expect(nativeBytes()).toBe(before);
      }),
      { numRuns: 40, seed: 3 },
    );
  });

  it('can be given back to the system without waiting for it', async () => {
    await Promise.all([trimMemory(), trimMemory()]);
  });
});
