import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runtimeStatusSchema, type RuntimeStatus } from '@qwenfleet/core/load/status';
import { publishedCheckpoint } from '@qwenfleet/runtime/fixtures/checkpoint';
import { gguf, ggufFile, safetensorsFile, type GgufParts } from '@qwenfleet/runtime/fixtures/weights-files';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post } from '../harness/chat.ts';
import { eventually } from '../harness/fleet.ts';
import { startRuntime, type RunningRuntime } from '../harness/runtime-process.ts';

const root = mkdtempSync(path.join(tmpdir(), 'qwenfleet-hostile-'));
const honest = publishedCheckpoint();
let runtime: RunningRuntime;
let before: string;
let graphs: string[];

const graphsOf = ({ cacheDir }: RunningRuntime): string[] =>
  readdirSync(path.join(cacheDir, 'graphs')).filter((name) => !name.endsWith('.lock'));
const statusOf = async (): Promise<RuntimeStatus> =>
  runtimeStatusSchema.parse(await (await fetch(`${runtime.url}/admin/status`)).json());
async function ask(): Promise<string> {
  const body = { model: 'tiny', prompt: 'abc', max_tokens: 8, temperature: 0 };
  const answer = await post(`${runtime.url}/v1/completions`, JSON.stringify(body));
  expect(answer.status).toBe(200);
  return JSON.stringify((answer.body as { choices?: unknown }).choices);
}

beforeAll(async () => {
  runtime = await startRuntime({
    model: { uri: `file://${honest}` },
    quantization: 'float32',
    engine: { slots: 2, contextLength: 64, threads: 1 },
  });
  before = await ask();
  graphs = graphsOf(runtime);
});
afterAll(async () => {
  await runtime?.dispose();
  for (const folder of [root, path.dirname(honest)]) rmSync(folder, { recursive: true, force: true });
});

/** Makes something that lies at `at`, and says where the model is. */
type Make = (at: string) => string;

const file =
  (bytes: Buffer): Make =>
  (at) => {
    writeFileSync(`${at}.gguf`, bytes);
    return `${at}.gguf`;
  };

const keys = [
  gguf.string('general.architecture', 'llama'),
  ...['block_count', 'attention.head_count', 'context_length', 'feed_forward_length'].map((name) =>
    gguf.uint32(`llama.${name}`, 64),
  ),
  gguf.uint32('llama.embedding_length', 64),
  gguf.strings('tokenizer.ggml.tokens', ['a', 'b']),
];
const header = (parts: GgufParts): Make => file(ggufFile({ keys, ...parts }));
const oneTensor = (changes: object): Make => header({ tensors: [{ name: 't', shape: [32, 2], ...changes }] });
const announced = (bytes: Buffer): Make => file(ggufFile({ keys: [bytes] }));

/** A copy of the honest checkpoint, changed. */
const folder =
  (change: (at: string) => void): Make =>
  (at) => {
    cpSync(honest, at, { recursive: true });
    change(at);
    return at;
  };
const weights = (bytes: Buffer): Make => folder((at) => writeFileSync(path.join(at, 'model.safetensors'), bytes));
const json = (name: string, change: (value: Record<string, unknown>) => unknown): Make =>
  folder((at) => {
    const target = path.join(at, name);
    const value = JSON.parse(readFileSync(target, 'utf8')) as Record<string, unknown>;
    writeFileSync(target, JSON.stringify(change(value)));
  });
const config = (changes: object): Make => json('config.json', (value) => ({ ...value, ...changes }));
const text = (name: string, value: string): Make => folder((at) => writeFileSync(path.join(at, name), value));
const template = (value: string): Make => text('chat_template.jinja', value);
const tokenizer = (changes: object): Make => json('tokenizer.json', (value) => ({ ...value, ...changes }));
const shards = (map: Record<string, string>): Make =>
  text('model.safetensors.index.json', JSON.stringify({ weight_map: map }));
const link = (name: string, target: string): Make =>
  folder((at) => {
    rmSync(path.join(at, name));
    symlinkSync(target, path.join(at, name));
  });

/** The honest weights with another header. */
const reheaded = (
  change: (header: Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>) => void,
): Make =>
  folder((at) => {
    const target = path.join(at, 'model.safetensors');
    const bytes = readFileSync(target);
    const end = 8 + Number(bytes.readBigUInt64LE());
    const value = JSON.parse(bytes.toString('utf8', 8, end)) as Parameters<typeof change>[0];
    change(value);
    const head = Buffer.from(JSON.stringify(value));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(head.length));
    writeFileSync(target, Buffer.concat([length, head, bytes.subarray(end)]));
  });

const entry = { dtype: 'F32', shape: [10], data_offsets: [0, 40] };
const norm = 'model.norm.weight';

const cases: [name: string, make: Make, words: RegExp][] = [
  ['a GGUF that is a picture', file(Buffer.from('\u0089PNG and so on, for long enough to be looked at')), /GGUF/],
  ['a GGUF that ends in its header', file(ggufFile({ keys }).subarray(0, 100)), /truncated/],
  ['a GGUF that ends in its data', file(ggufFile({ keys }).subarray(0, -64)), /truncated/],
  ['a GGUF of more tensors than memory', header({ counts: { tensors: 2n ** 60n } }), /number|tensors/],
  ['a GGUF of more keys than words', header({ counts: { keys: 2 ** 30 } }), /keys/],
  [
    'a GGUF with a text of a terabyte',
    announced(Buffer.concat([gguf.text('k'), gguf.u32(8), gguf.u64(2n ** 40n)])),
    /text/,
  ],
  ['a GGUF with a list of a billion', announced(gguf.array('k', 4, 2 ** 30, Buffer.alloc(8))), /elements/],
  [
    'a GGUF of lists in lists in lists',
    announced(
      gguf.array('k', 9, 1, Buffer.concat(Array.from({ length: 9 }, () => Buffer.concat([gguf.u32(9), gguf.u64(1)])))),
    ),
    /deeply/,
  ],
  ['a GGUF with a key twice', file(ggufFile({ keys: [...keys, ...keys.slice(0, 1)] })), /twice/],
  [
    'a GGUF whose tensors overlap',
    header({ tensors: [0, 128].map((offset, at) => ({ name: `t${at}`, shape: [32, 2], offset })) }),
    /overlap/,
  ],
  ['a GGUF with a tensor beyond the file', oneTensor({ offset: 2 ** 40 }), /past the end/],
  ['a GGUF with a size that wraps around', oneTensor({ shape: [2n ** 32n, 2n ** 32n] }), /cannot have shape/],
  ['a GGUF with a type of no kind', oneTensor({ type: 99 }), /99/],
  [
    'a GGUF of an alignment of nought',
    file(ggufFile({ keys: [...keys, gguf.uint32('general.alignment', 0)] })),
    /alignment/,
  ],
  ['safetensors with a header as long as the universe', weights(Buffer.from('ffffffffffffff7f00', 'hex')), /header/],
  [
    'safetensors with a header of a gigabyte of brackets',
    weights(safetensorsFile('['.repeat(2 ** 20), 40)),
    /not JSON|object/,
  ],
  [
    'safetensors that end early',
    folder((at) => truncateSync(path.join(at, 'model.safetensors'), 100_000)),
    /truncated/,
  ],
  [
    'safetensors that overlap',
    weights(safetensorsFile({ a: entry, b: { ...entry, data_offsets: [20, 60] } }, 60)),
    /overlap/,
  ],
  ['safetensors with room for something hidden', weights(safetensorsFile({ a: entry }, 400)), /nobody's/],
  [
    'safetensors that end before they begin',
    weights(safetensorsFile({ a: { ...entry, data_offsets: [40, 0] } }, 40)),
    /-40/,
  ],
  [
    'safetensors of a type of no kind',
    reheaded((head) => Object.assign(head[norm] ?? {}, { dtype: 'F8_E4M3' })),
    /F8_E4M3/,
  ],
  [
    'safetensors whose bytes are not their shape’s',
    reheaded((head) => Object.assign(head[norm] ?? {}, { dtype: 'BF16' })),
    /takes 256 bytes/,
  ],
  [
    'safetensors of another shape than the configuration’s',
    reheaded((head) => Object.assign(head[norm] ?? {}, { shape: [8, 8] })),
    /\[8, 8\]/,
  ],
  [
    'safetensors with a tensor missing',
    reheaded((head) => {
      head['other'] = head[norm] ?? entry;
      delete head[norm];
    }),
    /no tensor/,
  ],
  [
    'a zip by the name of safetensors',
    weights(Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(4_096)])),
    /header|safetensors/,
  ],
  ['shards above the folder', shards({ a: '../../../../etc/passwd' }), /passwd/],
  ['shards at the root of the disk', shards({ a: '/dev/zero' }), /zero/],
  [
    'a tensor in two shards',
    folder((at) => {
      for (const name of ['a.safetensors', 'b.safetensors'])
        writeFileSync(path.join(at, name), safetensorsFile({ t: entry }, 40));
      writeFileSync(
        path.join(at, 'model.safetensors.index.json'),
        JSON.stringify({ weight_map: { t: 'a.safetensors', u: 'b.safetensors' } }),
      );
    }),
    /twice/,
  ],
  ['weights that are a link out of the folder', link('model.safetensors', '/dev/zero'), /link/],
  ['a tokenizer that is a link out of the folder', link('tokenizer.json', '/etc/hostname'), /link/],
  ['weights that are a link to themselves', link('model.safetensors', 'model.safetensors'), /opened/],
  [
    'a configuration that is a pipe',
    folder((at) => {
      rmSync(path.join(at, 'config.json'));
      execFileSync('mkfifo', [path.join(at, 'config.json')]);
    }),
    /plain file/,
  ],
  [
    'a graph with data outside of the folder',
    (at) => {
      mkdirSync(at);
      writeFileSync(path.join(at, 'model.onnx'), 'location ../../../../etc/passwd');
      return at;
    },
    /config\.json/,
  ],
  ['a configuration of brackets', text('config.json', '['.repeat(2 ** 22)), /config\.json/],
  ['a configuration as large as a disk', folder((at) => truncateSync(path.join(at, 'config.json'), 2 ** 40)), /larger/],
  ['heads that the key heads do not divide', config({ num_key_value_heads: 3 }), /multiple/],
  ['no layers', config({ num_hidden_layers: 0 }), /num_hidden_layers = 0/],
  ['a billion layers', config({ num_hidden_layers: 2 ** 30 }), /no tensor/],
  ['a vocabulary of a billion', config({ vocab_size: 2 ** 30 }), /1073741824/],
  ['a hidden size below nought', config({ hidden_size: -64 }), /hidden_size = -64/],
  ['heads of an odd size', config({ head_dim: 33 }), /even/],
  ['YaRN of no end', config({ rope_parameters: { rope_type: 'yarn', rope_theta: 1e6, factor: 1e300 } }), /factor/],
  [
    'a billion experts',
    config({
      architectures: ['Qwen3MoeForCausalLM'],
      num_experts: 2 ** 30,
      num_experts_per_tok: 2,
      moe_intermediate_size: 32,
    }),
    /num_experts/,
  ],
  [
    'an architecture that is a program',
    config({ architectures: ['__proto__'], auto_map: { AutoModel: 'evil.py' } }),
    /not supported/,
  ],
  ['a tokenizer of brackets', text('tokenizer.json', '{"a":'.repeat(2 ** 18)), /tokenizer\.json/],
  ['a tokenizer as large as a disk', folder((at) => truncateSync(path.join(at, 'tokenizer.json'), 2 ** 40)), /larger/],
  [
    'a tokenizer with a token beyond the weights',
    tokenizer({ model: { type: 'BPE', vocab: { a: 1e9 }, merges: [] } }),
    /1000000001 tokens/,
  ],
  [
    'a tokenizer whose pattern tries every way to fail',
    tokenizer({
      pre_tokenizer: { type: 'Split', pattern: { Regex: '(x+x+)+y' }, behavior: 'Isolated', invert: false },
    }),
    /tokenizer takes more/,
  ],
  [
    'a template that counts to a billion',
    template('{% for i in range(1000000000) %}{% endfor %}'),
    /chat template takes more/,
  ],
  [
    'a template that doubles without end',
    template(`{% set ns = namespace(x='aaaaaaaa') %}${'{% set ns.x = ns.x ~ ns.x %}'.repeat(26)}{{ ns.x }}`),
    /chat template (takes|makes)/,
  ],
  [
    'a template of loops in loops',
    template(`${'{% for a in range(1000) %}'.repeat(6)}${'{% endfor %}'.repeat(6)}`),
    /chat template takes more/,
  ],
  ['a template of brackets', template(`{{ ${'('.repeat(200_000)}1${')'.repeat(200_000)} }}`), /chat template/],
];

describe('a runtime that is told to load', () => {
  it(`is asked ${cases.length} times`, () => {
    expect(cases.length).toBeGreaterThanOrEqual(40);
    expect(new Set(cases.map(([name]) => name)).size).toBe(cases.length);
  });

  it.each(cases)(
    '%s refuses it with a reason, builds nothing, and answers as before',
    async (name, make, words) => {
      const uri = `file://${make(path.join(root, String(cases.findIndex(([each]) => each === name))))}`;
      expect((await post(`${runtime.url}/admin/load`, JSON.stringify({ model: { uri } }))).status).toBe(202);
      const { update, loaded } = await eventually(statusOf, (status) => status.update?.state !== 'loading', 30_000);
      expect(update).toMatchObject({ state: 'failed', model: { uri } });
      expect(update?.error?.code).toMatch(/^(invalid|unsupported)_model$/);
      expect(update?.error?.message).toMatch(words);
      expect(loaded?.generation).toBe(1);
      expect(await ask()).toBe(before);
      expect(graphsOf(runtime)).toEqual(graphs);
    },
    60_000,
  );

  it('still loads an honest one', async () => {
    const uri = `file://${honest}`;
    expect((await post(`${runtime.url}/admin/load`, JSON.stringify({ model: { uri } }))).status).toBe(202);
    await eventually(statusOf, (status) => status.loaded?.generation === 2, 30_000);
    expect(await ask()).toBe(before);
  });
});
