import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openGguf } from './gguf.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gguf-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

/** Opens bytes as a file. */
function open(bytes: Uint8Array): ReturnType<typeof openGguf> {
  count += 1;
  const file = path.join(folder, `${count}.gguf`);
  writeFileSync(file, bytes);
  return openGguf(file);
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const stringKey = (key: string, value: string): Buffer => Buffer.concat([text(key), u32(8), text(value)]);
const listKey = (key: string, values: string[]): Buffer =>
  Buffer.concat([text(key), u32(9), u32(8), u64(values.length), ...values.map(text)]);

/** A file with one 2 by 32 tensor of F32 whose values count from 0. */
function sample(
  parts: { version?: number; shape?: number[]; type?: number; offset?: number; keys?: Buffer[] } = {},
): Buffer {
  const keys = parts.keys ?? [stringKey('general.architecture', 'llama'), listKey('tokenizer.ggml.tokens', ['a', 'b'])];
  const shape = parts.shape ?? [32, 2];
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(parts.version ?? 3),
    u64(1),
    u64(keys.length),
    ...keys,
    text('token_embd.weight'),
    u32(shape.length),
    ...shape.map(u64),
    u32(parts.type ?? 0),
    u64(parts.offset ?? 0),
  ]);
  const padding = Buffer.alloc((32 - (header.length % 32)) % 32);
  const data = Buffer.from(new Float32Array(64).map((_, index) => index).buffer);
  return Buffer.concat([header, padding, data]);
}

describe('a GGUF file', () => {
  it('gives its key-values, and its tensors with the outer dimension first', () => {
    const { metadata, weights } = open(sample());
    expect(metadata.get('general.architecture')).toBe('llama');
    expect(metadata.get('tokenizer.ggml.tokens')).toEqual(['a', 'b']);
    const tensor = weights.tensors.get('token_embd.weight');
    expect(tensor?.shape).toEqual([2, 32]);
    expect(tensor?.bytes).toBe(256);
    weights.close();
  });

  it.each<[string, Buffer, RegExp]>([
    ['is no GGUF', Buffer.from('not a model, only words that go on for a while'), /GGUF/],
    ['has a version that we do not read', sample({ version: 9 }), /version 9/],
    ['has a tensor of a type that we do not read', sample({ type: 99 }), /99/],
    ['has a tensor past its end', sample({ offset: 1024 }), /past the end|truncated/i],
    ['has a tensor larger than any file', sample({ shape: [2 ** 31, 2 ** 21] }), /./],
    ['has a tensor of too many dimensions', sample({ shape: [1, 1, 1, 1, 1] }), /dimensions/],
    [
      'has a text as long as the universe',
      Buffer.concat([Buffer.from('GGUF'), u32(3), u64(1), u64(1), u64(2n ** 60n), Buffer.alloc(64)]),
      /./,
    ],
    [
      'has more tensors than memory',
      Buffer.concat([Buffer.from('GGUF'), u32(3), u64(2n ** 60n), u64(0), Buffer.alloc(64)]),
      /number/,
    ],
  ])('that %s is refused, and says why', (_name, bytes, words) => {
    let seen: unknown;
    try {
      open(bytes);
    } catch (error) {
      seen = error;
    }
    expect(seen).toBeInstanceOf(FleetError);
    expect((seen as FleetError).code).toMatch(/invalid_model|unsupported_model/);
    expect((seen as FleetError).message).toMatch(words);
  });

  it('that is cut anywhere is refused with a coded error, never with a crash', () => {
    const whole = sample();
    for (let length = 0; length < whole.length; length += 3) {
      expect(() => open(whole.subarray(0, length))).toThrow(FleetError);
    }
  });

  it('with any bytes turned over is read or refused with a coded error', () => {
    const whole = sample();
    fc.assert(
      fc.property(fc.nat(whole.length - 257), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ by;
        try {
          open(bytes).weights.close();
        } catch (error) {
          expect(error).toBeInstanceOf(FleetError);
        }
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});
