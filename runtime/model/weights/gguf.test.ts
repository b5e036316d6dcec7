import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { gguf, ggufFile, openFilesIn } from '../../fixtures/weights-files.ts';
import { openGguf } from './gguf.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gguf-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => expect(openFilesIn(folder)).toEqual([]));
let count = 0;

/** Opens bytes as a file. */
function open(bytes: Uint8Array): ReturnType<typeof openGguf> {
  count += 1;
  const file = path.join(folder, `${count}.gguf`);
  writeFileSync(file, bytes);
  return openGguf(file);
}

/** The coded error of a file that is refused; undefined when it is read. */
function refusal(bytes: Uint8Array): FleetError | undefined {
  try {
    open(bytes).weights.close();
    return undefined;
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
}

const key = gguf.string('general.architecture', 'llama');
const one = (changes: object): Buffer => ggufFile({ tensors: [{ name: 't', shape: [32, 2], ...changes }] });

describe('a GGUF file', () => {
  it('gives its key-values, and its tensors with the outer dimension first', () => {
    const { metadata, weights } = open(ggufFile());
    expect(metadata.get('general.architecture')).toBe('llama');
    expect(metadata.get('tokenizer.ggml.tokens')).toEqual(['a', 'b']);
    const tensor = weights.tensors.get('token_embd.weight');
    expect(tensor).toMatchObject({ shape: [2, 32], bytes: 256 });
    expect([...weights.values('token_embd.weight')]).toEqual([...Array(64).keys()]);
    weights.close();
  });

  it('may have values of every type, nested lists among them', () => {
    const bytes = (...values: number[]): Buffer => Buffer.from(values);
    const keyed = (name: string, type: number, value: Buffer): Buffer =>
      Buffer.concat([gguf.text(name), gguf.u32(type), value]);
    const double = Buffer.alloc(8);
    double.writeDoubleLE(Math.PI);
    const nested = Buffer.concat([gguf.u32(4), gguf.u64(2), gguf.u32(7), gguf.u32(8)]);
    const keys = [
      keyed('u8', 0, bytes(200)),
      keyed('i8', 1, bytes(200)),
      keyed('u16', 2, bytes(1, 2)),
      keyed('i16', 3, bytes(255, 255)),
      keyed('u32', 4, gguf.u32(0xffffffff)),
      keyed('i32', 5, gguf.u32(0xffffffff)),
      keyed('bool', 7, bytes(1)),
      keyed('u64', 10, gguf.u64(2 ** 40)),
      keyed('i64', 11, gguf.u64(-5)),
      keyed('f64', 12, double),
      gguf.array('lists', 9, 1, nested),
      gguf.array('empty', 8, 0, Buffer.alloc(0)),
    ];
    const { metadata, weights } = open(ggufFile({ keys }));
    weights.close();
    expect(Object.fromEntries(metadata)).toEqual({
      u8: 200,
      i8: -56,
      u16: 513,
      i16: -1,
      u32: 0xffffffff,
      i32: -1,
      bool: true,
      u64: 2 ** 40,
      i64: -5,
      f64: Math.PI,
      lists: [[7, 8]],
      empty: [],
    });
  });

  it.each([1, 16, 64, 4_096])('may be aligned to %i bytes', (alignment) => {
    const keys = [key, gguf.uint32('general.alignment', alignment)];
    const { weights } = open(ggufFile({ keys, alignment }));
    expect(weights.values('token_embd.weight')[63]).toBe(63);
    weights.close();
  });

  const announced = (tensors: number | bigint, keys: number | bigint, rest = Buffer.alloc(64)): Buffer =>
    Buffer.concat([Buffer.from('GGUF'), gguf.u32(3), gguf.u64(tensors), gguf.u64(keys), rest]);
  const twoTensors = (a: object, b: object): Buffer =>
    ggufFile({
      tensors: [
        { name: 'a', shape: [32, 2], ...a },
        { name: 'b', shape: [32, 2], ...b },
      ],
    });

  it.each<[string, Buffer, RegExp]>([
    ['is no GGUF', Buffer.from('not a model, only words that go on for a while'), /GGUF/],
    ['is empty', Buffer.alloc(0), /GGUF/],
    ['has a version that we do not read', ggufFile({ version: 9 }), /version 9/],
    ['has a tensor of a type that we do not read', one({ type: 99 }), /99/],
    ['has a tensor past its end', one({ offset: 1024 }), /past the end/],
    [
      'has a tensor that begins in its header, by a number that wraps around',
      one({ offset: 2n ** 64n - 64n }),
      /number/,
    ],
    ['has a tensor at an offset beyond any file', one({ offset: 2 ** 53 - 32 }), /past the end/],
    ['has a tensor that is not aligned', one({ offset: 4, data: Buffer.alloc(512) }), /aligned/],
    ['has a tensor larger than any file', one({ shape: [2 ** 31, 2 ** 21] }), /cannot have shape/],
    ['has a tensor whose size wraps around', one({ shape: [2n ** 32n, 2n ** 32n] }), /cannot have shape/],
    ['has a tensor of nothing', one({ shape: [32, 0] }), /cannot have shape/],
    ['has a tensor of too many dimensions', one({ shape: [1, 1, 1, 1, 1] }), /dimensions/],
    [
      'has rows that are no whole blocks',
      one({ shape: [31, 2], type: 8, data: Buffer.alloc(68) }),
      /cannot have shape/,
    ],
    ['has two tensors of one name', twoTensors({ name: 't' }, { name: 't' }), /"t" twice/],
    ['has two keys of one name', ggufFile({ keys: [key, key] }), /general\.architecture.*twice/],
    ['has tensors that overlap', twoTensors({ offset: 0 }, { offset: 128 }), /overlap/],
    ['has tensors that lie in the same place', twoTensors({ offset: 0 }, { offset: 0 }), /overlap/],
    ['has an alignment of nought', ggufFile({ keys: [gguf.uint32('general.alignment', 0)] }), /alignment/],
    ['has an alignment that is a word', ggufFile({ keys: [gguf.string('general.alignment', 'wide')] }), /alignment/],
    [
      'has a text as long as the universe',
      announced(1, 1, Buffer.concat([gguf.u64(2n ** 60n), Buffer.alloc(64)])),
      /number|bytes/,
    ],
    [
      'has a text longer than a text',
      announced(1, 1, Buffer.concat([gguf.u64(2 ** 30), Buffer.alloc(64)])),
      /bytes of text/,
    ],
    ['has more tensors than memory', announced(2n ** 60n, 0), /number/],
    ['has more keys than there are words', announced(0, 2 ** 30), /keys/],
    ['has a value of no type', ggufFile({ keys: [Buffer.concat([gguf.text('k'), gguf.u32(77)])] }), /type 77/],
    ['has a list of no type', ggufFile({ keys: [gguf.array('k', 77, 1, Buffer.alloc(8))] }), /type 77/],
    [
      'has a list longer than any',
      ggufFile({ keys: [gguf.array('k', 0, 2 ** 40, Buffer.alloc(8))] }),
      /array elements/,
    ],
  ])('that %s is refused, and says why', (_name, bytes, words) => {
    const error = refusal(bytes);
    expect(error?.code).toMatch(/invalid_model|unsupported_model/);
    expect(error?.message).toMatch(words);
  });

  it('with lists in lists in lists is refused, not followed down', () => {
    const nest = (depth: number): Buffer =>
      Buffer.concat([
        ...Array.from({ length: depth }, () => Buffer.concat([gguf.u32(9), gguf.u64(1)])),
        gguf.u32(0),
        gguf.u64(0),
      ]);
    const nested = (depth: number): Buffer =>
      ggufFile({ keys: [Buffer.concat([gguf.text('k'), gguf.u32(9), nest(depth)])] });
    expect(refusal(nested(2))).toBeUndefined();
    expect(refusal(nested(5))?.message).toMatch(/nests/);
    expect(refusal(nested(10_000))?.message).toMatch(/nests/);
  });

  it('with more list elements than any vocabulary has is refused before they fill the memory', () => {
    // Forty lists of a million bytes each: every one is allowed, all of them are not.
    const elements = Buffer.alloc(1_000_000);
    const keys = Array.from({ length: 40 }, (_, index) => gguf.array(`k${index}`, 0, elements.length, elements));
    const before = process.memoryUsage().heapUsed;
    expect(refusal(ggufFile({ keys }))?.message).toMatch(/elements/);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(400 * 2 ** 20);
  });

  it('that announces much and holds little allocates little', () => {
    const lists = Array.from({ length: 50 }, (_, index) => gguf.array(`k${index}`, 0, 4_000_000, Buffer.alloc(0)));
    const before = process.memoryUsage().heapUsed;
    expect(refusal(ggufFile({ keys: lists }))?.code).toBe('invalid_model');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 * 2 ** 20);
  });

  it('that is cut anywhere is refused with a coded error', () => {
    const whole = ggufFile({
      keys: [key, gguf.float32('f', 1), gguf.strings('s', ['a', '世界'])],
      tensors: [
        { name: 'first', shape: [32, 2] },
        { name: 'last', shape: [32] },
      ],
    });
    for (let length = 0; length < whole.length; length += 1)
      expect(refusal(whole.subarray(0, length)), String(length)).toBeDefined();
    expect(refusal(whole)).toBeUndefined();
  });

  it('with any byte turned over is read, or refused with a coded error', () => {
    const whole = ggufFile();
    fc.assert(
      fc.property(fc.nat(whole.length - 257), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ by;
        refusal(bytes);
      }),
      { numRuns: 400, seed: 5 },
    );
  });

  it('of any bytes behind the magic word is refused with a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(2, 3), (bytes, version) => {
        refusal(Buffer.concat([Buffer.from('GGUF'), gguf.u32(version), bytes]));
      }),
      { numRuns: 400, seed: 6 },
    );
  });

  it('with any numbers where numbers are is read, or refused with a coded error', () => {
    const number = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(300).map(BigInt));
    fc.assert(
      fc.property(
        fc.array(number, { maxLength: 4 }),
        number,
        fc.nat(40),
        number,
        number,
        (shape, offset, type, tensors, keys) => {
          refusal(ggufFile({ tensors: [{ name: 't', shape, offset, type, data: Buffer.alloc(64) }] }));
          refusal(ggufFile({ counts: { tensors, keys } }));
        },
      ),
      { numRuns: 300, seed: 7 },
    );
  });
});
