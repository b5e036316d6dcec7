import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { openFilesIn, safetensorsFile } from '../../fixtures/weights-files.ts';
import { openSafetensors, shardsOf } from './safetensors.ts';
import type { Weights } from './weights.ts';

const root = mkdtempSync(path.join(tmpdir(), 'safetensors-'));
afterAll(() => rmSync(root, { recursive: true }));
afterEach(() => expect(openFilesIn(root)).toEqual([]));
let count = 0;

/** A folder of these files. */
function folderOf(files: Record<string, Uint8Array | string>): string {
  const folder = path.join(root, String((count += 1)));
  mkdirSync(folder);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(path.join(folder, name), bytes);
  return folder;
}
const open = (bytes: Uint8Array): Weights => openSafetensors(folderOf({ 'model.safetensors': bytes }));

/** The coded error of what is refused; undefined when it is read. */
function refusal(folder: string): FleetError | undefined {
  try {
    openSafetensors(folder).close();
    return undefined;
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
}
const refused = (bytes: Uint8Array): FleetError | undefined => refusal(folderOf({ 'model.safetensors': bytes }));

const tensor = (shape: unknown, from: unknown, to: unknown, dtype: unknown = 'F32'): object => ({
  dtype,
  shape,
  data_offsets: [from, to],
});
const two = { a: tensor([2, 3], 0, 24), b: tensor([4], 24, 40) };

describe('a safetensors file', () => {
  it('gives its tensors, each from its place', () => {
    const weights = open(safetensorsFile({ __metadata__: { format: 'pt' }, ...two }, 40));
    expect([...weights.tensors.keys()]).toEqual(['a', 'b']);
    expect([...weights.values('a', [2, 3])]).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...weights.values('b', [4])]).toEqual([6, 7, 8, 9]);
    weights.close();
  });

  it('may store halves, as F16 and BF16', () => {
    const file = safetensorsFile({ h: tensor([2], 0, 4, 'F16'), b: tensor([2], 4, 8, 'BF16') }, 8);
    file.set([0x00, 0x3c, 0x00, 0xc0, 0x80, 0x3f, 0x00, 0xc0], file.length - 8);
    const weights = open(file);
    expect([...weights.values('h'), ...weights.values('b')]).toEqual([1, -2, 1, -2]);
    weights.close();
  });

  it('may list its tensors in any order, and one alone may be a number', () => {
    const weights = open(safetensorsFile({ b: tensor([4], 24, 40), a: tensor([2, 3], 0, 24) }, 40));
    expect(weights.values('b')[0]).toBe(6);
    weights.close();
  });

  it('may hold the position numbers of old BERT checkpoints, which nobody reads', () => {
    const weights = open(
      safetensorsFile({ 'embeddings.position_ids': tensor([1, 2], 0, 16, 'I64'), a: tensor([1], 16, 20) }, 20),
    );
    expect([...weights.tensors.keys()]).toEqual(['a']);
    weights.close();
  });

  const header = (json: unknown, bytes = 40): Buffer => safetensorsFile(json, bytes);
  const length = (value: bigint): Buffer => {
    const bytes = Buffer.alloc(64);
    bytes.writeBigUInt64LE(value);
    return bytes;
  };
  it.each<[string, Buffer, RegExp]>([
    ['is empty', Buffer.alloc(0), /truncated/],
    ['is shorter than its first number', Buffer.alloc(7), /truncated/],
    ['announces a header as long as the universe', length(2n ** 63n), /9223372036854775808/],
    ['announces a header below nought', length(2n ** 64n - 1n), /18446744073709551615/],
    ['announces a header past its end', length(57n), /57 bytes/],
    ['has a header that is no JSON', header('{"a":'), /not valid JSON/],
    ['has a header that is no object', header('[1]'), /object|damaged/],
    ['has a header that is null', header('null'), /object/],
    ['has an entry that is no object', header({ a: 7 }), /"a" is damaged/],
    ['has an entry without a shape', header({ a: { dtype: 'F32', data_offsets: [0, 4] } }), /"a" is damaged/],
    ['has a shape below nought', header({ a: tensor([-1], 0, 4) }), /"a" is damaged/],
    ['has a shape of fractions', header({ a: tensor([1.5], 0, 4) }), /"a" is damaged/],
    ['has a shape of nothing', header({ a: tensor([0], 0, 0) }, 0), /cannot have shape/],
    ['has a shape of too many dimensions', header({ a: tensor([1, 1, 1, 1, 1], 0, 4) }, 4), /cannot have shape/],
    ['has a shape larger than any file', header({ a: tensor([2 ** 40, 2 ** 40], 0, 40) }), /cannot have shape/],
    ['has a type that we do not read', header({ a: tensor([10], 0, 40, 'F8_E4M3') }), /F8_E4M3.*F32/],
    ['has a tensor whose bytes are not its shape’s', header({ a: tensor([9], 0, 40) }), /takes 40 bytes.*needs 36/],
    ['has a tensor that ends before it begins', header({ a: tensor([10], 40, 0) }), /-40/],
    ['has a tensor past its end', header({ a: tensor([10], 40, 80) }), /past the end/],
    ['has tensors that overlap', header({ a: tensor([6], 0, 24), b: tensor([6], 16, 40) }), /"a" and "b" overlap/],
    ['has tensors in the same place', header({ a: tensor([10], 0, 40), b: tensor([10], 0, 40) }), /overlap/],
    [
      'has bytes between tensors that are nobody’s',
      header({ a: tensor([4], 0, 16), b: tensor([4], 24, 40) }),
      /nobody's/,
    ],
    ['has bytes behind its tensors that are nobody’s', header({ a: tensor([4], 0, 16) }), /nobody's/],
    [
      'has one name twice, and so bytes that are nobody’s',
      header(
        '{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"a":{"dtype":"F32","shape":[6],"data_offsets":[16,40]}}',
      ),
      /nobody's/,
    ],
  ])('that %s is refused, and says why', (_name, bytes, words) => {
    const error = refused(bytes);
    expect(error?.code).toMatch(/invalid_model|unsupported_model/);
    expect(error?.message).toMatch(words);
  });

  it('may call a tensor as every object’s property is called', () => {
    const weights = open(header('{"__proto__":{"dtype":"F32","shape":[10],"data_offsets":[0,40]}}'));
    expect(weights.has('__proto__')).toBe(true);
    weights.close();
  });

  it('that is cut anywhere is refused with a coded error', () => {
    const whole = safetensorsFile(two, 40);
    for (let end = 0; end < whole.length; end += 1) expect(refused(whole.subarray(0, end)), String(end)).toBeDefined();
    expect(refused(whole)).toBeUndefined();
  });

  it('with any byte turned over is read, or refused with a coded error', () => {
    const whole = safetensorsFile(two, 40);
    fc.assert(
      fc.property(fc.nat(whole.length - 41), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ by;
        refused(bytes);
      }),
      { numRuns: 300, seed: 9 },
    );
  });

  it('with any header of JSON is refused with a coded error, or read', () => {
    const entry = fc.record({
      dtype: fc.constantFrom('F32', 'F16', 'I64', 'X', 7),
      shape: fc.array(fc.oneof(fc.integer(), fc.nat(4), fc.constant(null)), { maxLength: 5 }),
      data_offsets: fc.array(fc.oneof(fc.integer(), fc.nat(40)), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.oneof(entry, fc.jsonValue({ maxDepth: 2 })), { maxKeys: 4 }),
        (json) => {
          refused(safetensorsFile(json, 40));
        },
      ),
      { numRuns: 300, seed: 10 },
    );
  });
});

describe('a checkpoint in shards', () => {
  const index = (map: unknown): string => JSON.stringify({ weight_map: map });
  const shard = (name: string): Buffer => safetensorsFile({ [name]: tensor([1], 0, 4) }, 4);

  it('is all of them together', () => {
    const folder = folderOf({
      'model.safetensors.index.json': index({ a: '1.safetensors', b: '2.safetensors' }),
      '1.safetensors': shard('a'),
      '2.safetensors': shard('b'),
    });
    const weights = openSafetensors(folder);
    expect([...weights.tensors.keys()].toSorted()).toEqual(['a', 'b']);
    weights.close();
  });

  it.each<[string, Record<string, string | Buffer>, RegExp]>([
    ['with an index that is no JSON', { 'model.safetensors.index.json': '{' }, /index\.json/],
    ['with an index without a map', { 'model.safetensors.index.json': '{}' }, /weight_map/],
    [
      'with an index that names a way out',
      { 'model.safetensors.index.json': index({ a: '../x.safetensors' }) },
      /\.\.\/x/,
    ],
    [
      'with an index that names an absolute path',
      { 'model.safetensors.index.json': index({ a: '/etc/passwd' }) },
      /passwd/,
    ],
    ['with an index that names a hidden file', { 'model.safetensors.index.json': index({ a: '.x' }) }, /\.x/],
    [
      'with more shards than any model has',
      {
        'model.safetensors.index.json': index(
          Object.fromEntries(Array.from({ length: 1_001 }, (_, at) => [at, `${at}.safetensors`])),
        ),
      },
      /1001/,
    ],
    [
      'of which one is missing',
      { 'model.safetensors.index.json': index({ a: '1.safetensors' }) },
      /1\.safetensors|opened/,
    ],
    [
      'of which two have the same tensor',
      {
        'model.safetensors.index.json': index({ a: '1.safetensors', b: '2.safetensors' }),
        '1.safetensors': shard('a'),
        '2.safetensors': shard('a'),
      },
      /"a" twice/,
    ],
  ])('%s is refused, and says why', (_name, files, words) => {
    const error = refusal(folderOf(files));
    expect(error?.code).toBe('invalid_model');
    expect(error?.message).toMatch(words);
  });

  it('whose index is as large as a disk is refused unread', () => {
    const folder = folderOf({ 'model.safetensors.index.json': '{}' });
    truncateSync(path.join(folder, 'model.safetensors.index.json'), 65 * 2 ** 20);
    expect(refusal(folder)?.message).toMatch(/larger than/);
  });

  it('of which a later one is damaged closes the earlier ones', () => {
    const folder = folderOf({
      'model.safetensors.index.json': index({ a: '1.safetensors', b: '2.safetensors' }),
      '1.safetensors': shard('a'),
      '2.safetensors': Buffer.alloc(3),
    });
    expect(refusal(folder)?.code).toBe('invalid_model');
  });

  it('is one file without an index', () => {
    expect(shardsOf(folderOf({}))).toEqual(['model.safetensors']);
  });

  it('that is a folder, or a link to nothing, is refused', () => {
    const folder = folderOf({});
    mkdirSync(path.join(folder, 'model.safetensors'));
    expect(refusal(folder)?.code).toBe('invalid_model');
    const other = folderOf({});
    symlinkSync('/no/such/blob', path.join(other, 'model.safetensors'));
    expect(refusal(other)?.code).toBe('invalid_model');
  });

  it('is followed through links, as the hub’s cache has them', () => {
    const folder = folderOf({ blob: shard('a') });
    symlinkSync('blob', path.join(folder, 'model.safetensors'));
    const weights = openSafetensors(folder);
    expect(weights.has('a')).toBe(true);
    weights.close();
  });
});
