import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLines } from './lines.ts';

async function* pieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const size of sizes) {
    yield bytes.subarray(start, start + size);
    start += size;
  }
  yield bytes.subarray(start);
}
async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

describe('lines of a stream', () => {
  it('are the same however the bytes were cut', async () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat(9)), async (wanted, sizes) => {
        const bytes = Buffer.from(wanted.map((text) => `${text}\n`).join(''));
        const whole = wanted.map((text) => Buffer.from(text).toString('utf8'));
        expect(await collect(readLines(pieces(bytes, sizes)))).toEqual(whole);
      }),
    );
  });

  it('may be as long as the bound, and not a byte longer', async () => {
    const read = (length: number): Promise<string[]> =>
      collect(readLines(pieces(Buffer.from('x'.repeat(length)), [50, 50]), 100));
    expect(await read(100)).toEqual([]);
    await expect(read(101)).rejects.toThrow(/larger than 100 bytes/);
  });
});
