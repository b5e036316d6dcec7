import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gguf, ggufFile, type GgufParts } from '@qwenfleet/runtime/fixtures/weights-files';
import { file, type Hostile, type Make } from './model-folder.ts';

const tokens = gguf.strings('tokenizer.ggml.tokens', ['a', 'b']);
const sizes = ['block_count', 'attention.head_count', 'context_length', 'feed_forward_length'].map((name) =>
  gguf.uint32(`llama.${name}`, 2),
);
const keys = [
  gguf.string('general.architecture', 'llama'),
  ...sizes,
  gguf.uint32('llama.embedding_length', 64),
  tokens,
];
const header = (parts: GgufParts): Make => file(ggufFile({ keys, ...parts }));
const oneTensor = (changes: object): Make => header({ tensors: [{ name: 't', shape: [32, 2], ...changes }] });
const withKeys = (...more: Buffer[]): Make => header({ keys: [...keys, ...more] });
/** What follows the name of a key. */
const announced = (...parts: Buffer[]): Make => file(ggufFile({ keys: [Buffer.concat([gguf.text('k'), ...parts])] }));
const text = (length: number | bigint): Buffer => Buffer.concat([gguf.u32(8), gguf.u64(length)]);
const lists = Buffer.concat(Array.from({ length: 9 }, () => Buffer.concat([gguf.u32(9), gguf.u64(1)])));

export const ggufFiles: readonly Hostile[] = [
  { name: 'a picture', make: file(Buffer.from('\u0089PNG and so on, for long enough to be looked at')), says: /GGUF/ },
  { name: 'the end in the header', make: file(ggufFile({ keys }).subarray(0, 100)), says: /truncated/ },
  { name: 'the end in the data', make: file(ggufFile({ keys }).subarray(0, -64)), says: /truncated/ },
  { name: 'a version of the future', make: header({ version: 99 }), says: /version 99/ },
  { name: 'more tensors than memory', make: header({ counts: { tensors: 2n ** 60n } }), says: /number|tensors/ },
  { name: 'a trillion tensors', make: header({ counts: { tensors: 2n ** 40n } }), says: /1099511627776 tensors/ },
  { name: 'more keys than words', make: header({ counts: { keys: 2 ** 30 } }), says: /keys/ },
  { name: 'a text of a terabyte', make: announced(text(2n ** 40n)), says: /text/ },
  { name: 'a text as long as numbers go', make: announced(text(2n ** 63n)), says: /9223372036854775808/ },
  { name: 'a value of no kind', make: announced(gguf.u32(77)), says: /type 77/ },
  {
    name: 'a list of a billion',
    make: file(ggufFile({ keys: [gguf.array('k', 4, 2 ** 30, Buffer.alloc(8))] })),
    says: /elements/,
  },
  { name: 'lists in lists in lists', make: file(ggufFile({ keys: [gguf.array('k', 9, 1, lists)] })), says: /deeply/ },
  { name: 'a key twice', make: withKeys(...keys.slice(0, 1)), says: /twice/ },
  { name: 'a name of a megabyte', make: oneTensor({ name: 'x'.repeat(2 ** 20), type: 99 }), says: /^Tensor "x+…$/ },
  {
    name: 'tensors that overlap',
    make: header({ tensors: [0, 128].map((offset, at) => ({ name: `t${at}`, shape: [32, 2], offset })) }),
    says: /overlap/,
  },
  { name: 'a tensor beyond the file', make: oneTensor({ offset: 2 ** 40 }), says: /past the end/ },
  { name: 'a tensor between the lines', make: oneTensor({ offset: 1 }), says: /aligned|past the end/ },
  { name: 'a size that wraps around', make: oneTensor({ shape: [2n ** 32n, 2n ** 32n] }), says: /cannot have shape/ },
  { name: 'a size of nought', make: oneTensor({ shape: [0, 2] }), says: /cannot have shape/ },
  { name: 'nine dimensions', make: oneTensor({ shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] }), says: /9 dimensions/ },
  { name: 'a tensor of no kind', make: oneTensor({ type: 99 }), says: /99/ },
  { name: 'an alignment of nought', make: withKeys(gguf.uint32('general.alignment', 0)), says: /alignment/ },
  {
    name: 'a tokenizer that is an object’s own',
    make: withKeys(gguf.string('tokenizer.ggml.model', 'gpt2'), gguf.string('tokenizer.ggml.pre', 'constructor')),
    says: /tokenizer\.ggml\.pre/,
  },
  {
    name: 'a link that leads out of its folder',
    make: (at) => {
      mkdirSync(at);
      writeFileSync(`${at}-secret.gguf`, ggufFile({ keys }));
      symlinkSync(`${at}-secret.gguf`, path.join(at, 'model.gguf'));
      return at;
    },
    says: /link/,
  },
];
