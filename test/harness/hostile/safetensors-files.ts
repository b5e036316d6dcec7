import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { safetensorsFile } from '@qwenfleet/runtime/fixtures/weights-files';
import { bytes, folder, link, nested, type Hostile, type Make } from './model-folder.ts';

const name = 'model.safetensors';
const norm = 'model.norm.weight';
const entry = { dtype: 'F32', shape: [10], data_offsets: [0, 40] };
type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

const weights = (value: Buffer): Make => bytes(name, value);
/** A file of this header and 40 bytes. */
const headed = (header: unknown): Make => weights(safetensorsFile(header, 40));
const one = (changes: object): Make => headed({ a: { ...entry, ...changes } });

/** The honest weights, with what comes after the header's length changed. */
const rewritten = (change: (header: Header, data: Buffer) => void): Make =>
  folder((at) => {
    const target = path.join(at, name);
    const all = readFileSync(target);
    const end = 8 + Number(all.readBigUInt64LE());
    const header = JSON.parse(all.toString('utf8', 8, end)) as Header;
    const data = all.subarray(end);
    change(header, data);
    const head = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(head.length));
    writeFileSync(target, Buffer.concat([length, head, data]));
  });
const reheaded = (changes: object): Make => rewritten((header) => void Object.assign(header[norm] ?? {}, changes));
/** The first value of a tensor becomes another. */
const valued = (tensor: string, value: number): Make =>
  rewritten((header, data) => data.writeFloatLE(value, header[tensor]?.data_offsets[0] ?? -1));

const index = (value: unknown): Make => bytes('model.safetensors.index.json', JSON.stringify(value));
const shards = (map: Record<string, string>): Make => index({ weight_map: map });

/** As many tensors as a header has room for. */
const manyTensors = (): string => {
  const entries = Array.from(
    { length: 150_000 },
    (_, at) => `"t${at}":{"dtype":"F32","shape":[],"data_offsets":[0,0]}`,
  );
  return `{${entries.join(',')}}`;
};

export const safetensorsFiles: readonly Hostile[] = [
  { name: 'a header as long as the universe', make: weights(Buffer.from('ffffffffffffff7f00', 'hex')), says: /header/ },
  {
    name: 'a header longer than the file by one',
    make: weights(Buffer.from('010000000000000000', 'hex').subarray(0, 8)),
    says: /header/,
  },
  { name: 'three bytes', make: weights(Buffer.from('abc')), says: /truncated/ },
  { name: 'a header of a megabyte of brackets', make: headed('['.repeat(2 ** 20)), says: /not JSON|object|nests/ },
  { name: 'a header of 60 megabytes of brackets', make: headed('['.repeat(60 * 2 ** 20)), says: /header|nests/ },
  { name: 'a header of a hundred thousand tensors and more', make: headed(manyTensors()), says: /150000 tensors/ },
  { name: 'a header that is a list', make: headed([entry]), says: /not an object/ },
  {
    name: 'a header with a number that is none',
    make: headed('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,40]}}'),
    says: /not valid JSON/,
  },
  {
    name: 'a header that names a tensor twice',
    make: weights(
      safetensorsFile(`{"a":${JSON.stringify(entry)},"a":${JSON.stringify({ ...entry, data_offsets: [40, 80] })}}`, 80),
    ),
    says: /twice/,
  },
  {
    name: 'a name of a megabyte',
    make: headed({ ['x'.repeat(2 ** 20)]: { ...entry, dtype: 'F8' } }),
    says: /^Tensor "x+…$/,
  },
  { name: 'an entry that is a number', make: headed({ a: 5 }), says: /damaged/ },
  { name: 'an early end', make: folder((at) => truncateSync(path.join(at, name), 100_000)), says: /truncated/ },
  {
    name: 'tensors that overlap',
    make: weights(safetensorsFile({ a: entry, b: { ...entry, data_offsets: [20, 60] } }, 60)),
    says: /overlap/,
  },
  { name: 'room for something hidden', make: weights(safetensorsFile({ a: entry }, 400)), says: /nobody's/ },
  { name: 'a tensor that ends before it begins', make: one({ data_offsets: [40, 0] }), says: /-40/ },
  { name: 'a tensor that begins before the file', make: one({ data_offsets: [-40, 0] }), says: /damaged/ },
  { name: 'a tensor past the end', make: one({ data_offsets: [2 ** 50, 2 ** 50 + 40] }), says: /past the end/ },
  { name: 'a size that wraps around', make: one({ shape: [2 ** 32, 2 ** 32] }), says: /cannot have shape/ },
  { name: 'half a row', make: one({ shape: [2.5, 4] }), says: /damaged/ },
  { name: 'nine dimensions', make: one({ shape: [10, 1, 1, 1, 1, 1, 1, 1, 1] }), says: /damaged|cannot/ },
  { name: 'a type of no kind', make: reheaded({ dtype: 'F8_E4M3' }), says: /F8_E4M3/ },
  { name: 'bytes that are not their shape’s', make: reheaded({ dtype: 'BF16' }), says: /takes 256 bytes/ },
  { name: 'another shape than the configuration’s', make: reheaded({ shape: [8, 8] }), says: /\[8, 8\]/ },
  {
    name: 'a tensor missing',
    make: rewritten((header) => {
      header['other'] = header[norm] as Header[string];
      delete header[norm];
    }),
    says: /no tensor/,
  },
  { name: 'a norm that is no number', make: valued(norm, Number.NaN), says: /model\.norm\.weight.*no number/ },
  {
    name: 'a matrix with a value without end',
    make: valued('model.layers.0.mlp.up_proj.weight', -Infinity),
    says: /up_proj\.weight.*no number/,
  },
  {
    name: 'a zip by this name',
    make: weights(Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(4_096)])),
    says: /header|safetensors/,
  },
  { name: 'shards above the folder', make: shards({ a: '../../../../etc/passwd' }), says: /passwd/ },
  { name: 'shards at the root of the disk', make: shards({ a: '/dev/zero' }), says: /zero/ },
  { name: 'a shard with a nought in its name', make: shards({ a: 'a\0.safetensors' }), says: /opened|not a file/ },
  { name: 'a shard that there is not', make: shards({ a: 'b.safetensors' }), says: /opened/ },
  {
    name: 'two thousand shards',
    make: shards(Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`t${at}`, `${at}.safetensors`]))),
    says: /2000/,
  },
  { name: 'an index of numbers', make: index({ weight_map: { a: 5 } }), says: /weight_map/ },
  {
    name: 'a tensor in two shards',
    make: folder((at) => {
      for (const shard of ['a.safetensors', 'b.safetensors'])
        writeFileSync(path.join(at, shard), safetensorsFile({ t: entry }, 40));
      const map = { t: 'a.safetensors', u: 'b.safetensors' };
      writeFileSync(path.join(at, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    }),
    says: /twice/,
  },
  {
    name: 'an index of brackets',
    make: bytes('model.safetensors.index.json', nested('[', 2 ** 20, ']')),
    says: /nests|index/,
  },
  { name: 'a link out of the folder', make: link(name, '/dev/zero'), says: /link/ },
  { name: 'a link to itself', make: link(name, name), says: /opened/ },
];
