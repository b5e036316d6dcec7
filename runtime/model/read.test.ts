import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FleetError } from '@qwenfleet/core/errors';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { refusal } from '../fixtures/refusal.ts';
import { checkpointFolder, publishedCheckpoint } from '../fixtures/checkpoint.ts';
import { gguf, ggufFile, openFilesIn } from '../fixtures/weights-files.ts';
import { readModel, type OpenModel } from './read.ts';

const root = mkdtempSync(path.join(tmpdir(), 'read-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => expect(openFilesIn(root)).toEqual([]));
let count = 0;

/** A copy of a tiny checkpoint, changed. */
function folderOf(
  change: (folder: string) => void = () => undefined,
  family: 'qwen3' | 'qwen2' | 'bert' = 'qwen3',
): string {
  const folder = path.join(root, String((count += 1)));
  mkdirSync(folder);
  for (const name of ['config.json', 'model.safetensors'])
    cpSync(path.join(checkpointFolder(family), name), path.join(folder, name));
  change(folder);
  return folder;
}
const configOf = (folder: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
const withConfig =
  (changes: object) =>
  (folder: string): void =>
    writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ ...configOf(folder), ...changes }));

/** A GGUF file of a Llama without weights that matter. */
function llamaGguf(changes: { architecture?: string; head?: boolean; keys?: Buffer[] } = {}): string {
  const { architecture = 'llama', head = false, keys = [] } = changes;
  const number = (name: string, value: number): Buffer => gguf.uint32(`${architecture}.${name}`, value);
  const bytes = ggufFile({
    keys: [
      gguf.string('general.architecture', architecture),
      gguf.string('general.name', 'Tiny Llama'),
      number('block_count', 1),
      number('context_length', 128),
      number('embedding_length', 32),
      number('feed_forward_length', 64),
      number('attention.head_count', 4),
      number('attention.head_count_kv', 2),
      gguf.float32(`${architecture}.attention.layer_norm_rms_epsilon`, 1e-5),
      gguf.strings('tokenizer.ggml.tokens', ['a', 'b']),
      ...keys,
    ],
    tensors: [
      { name: 'token_embd.weight', shape: [32, 2] },
      { name: 'blk.0.attn_q.weight', shape: [32, 32] },
      ...(head ? [{ name: 'output.weight', shape: [32, 2] }] : []),
    ],
  });
  const file = path.join(root, `${(count += 1)}.gguf`);
  writeFileSync(file, bytes);
  return file;
}

const refusalOf = (location: string): FleetError => refusal(() => readModel(location));

describe('a folder with safetensors', () => {
  it('is read for what it is, and no weight of it', () => {
    const folder = publishedCheckpoint();
    const model = readModel(folder);
    expect(model).toMatchObject({
      format: 'safetensors',
      family: 'qwen3',
      task: 'generate',
      vocabularySize: 384,
      contextLength: 256,
      location: folder,
      weightsFiles: [path.join(folder, 'model.safetensors')],
    } satisfies Partial<OpenModel>);
    expect([...model.companions.keys()].toSorted()).toEqual([
      'generation_config.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(openFilesIn(folder)).toEqual([]);
    const weights = model.openWeights();
    expect(weights.has('model.embed_tokens.weight')).toBe(true);
    weights.close();
    rmSync(path.dirname(folder), { recursive: true });
  });

  it('has a head that is tied when there is none of its own, whatever the configuration says', () => {
    expect(readModel(folderOf(withConfig({ tie_word_embeddings: false }))).description).toMatchObject({
      tiedHead: true,
    });
    expect(readModel(folderOf(withConfig({ tie_word_embeddings: true }), 'qwen2')).description).toMatchObject({
      tiedHead: false,
    });
  });

  it('says by its modules whether vectors are scaled to length one', () => {
    const withModules = (type: string): OpenModel =>
      readModel(
        folderOf((folder) => writeFileSync(path.join(folder, 'modules.json'), JSON.stringify([{ type }])), 'bert'),
      );
    expect(withModules('sentence_transformers.models.Normalize').description).toMatchObject({ normalize: true });
    expect(withModules('sentence_transformers.models.Pooling').description).toMatchObject({ normalize: false });
    expect(readModel(folderOf(undefined, 'bert')).task).toBe('embed');
  });

  it('is named by its own name, or by its folder', () => {
    expect(readModel(folderOf(withConfig({ _name_or_path: 'Qwen/Qwen3-Tiny' }))).name).toBe('Qwen3-Tiny');
    const folder = folderOf(withConfig({ _name_or_path: '' }));
    expect(readModel(folder).name).toBe(path.basename(folder));
  });

  const linksIn = (folder: string, target: string): string => {
    mkdirSync(folder, { recursive: true });
    for (const name of ['config.json', 'model.safetensors'])
      symlinkSync(path.join(target, name), path.join(folder, name));
    return folder;
  };

  it('may be links to files, as the hub’s cache has it', () => {
    const target = folderOf();
    const cache = path.join(root, String((count += 1)));
    cpSync(target, path.join(cache, 'blobs'), { recursive: true });
    expect(readModel(linksIn(path.join(cache, 'snapshots', 'c0ffee'), path.join(cache, 'blobs'))).family).toBe('qwen3');
    // The folder itself may be a link, as the weights of a pod are.
    const link = path.join(root, String((count += 1)));
    symlinkSync(target, link);
    expect(readModel(link).family).toBe('qwen3');
  });

  it('may not be links out of the folder', () => {
    const error = refusalOf(linksIn(path.join(root, String((count += 1))), folderOf()));
    expect(error.code).toBe('invalid_model');
    expect(error.message).toMatch(/config\.json is a link/);
  });

  it.each<[string, (folder: string) => void, string, RegExp]>([
    [
      'of a family that we do not know',
      withConfig({ architectures: ['MambaForCausalLM'] }),
      'unsupported_model',
      /Mamba.*Qwen3ForCausalLM/,
    ],
    ['of no family', withConfig({ architectures: [], model_type: undefined }), 'unsupported_model', /undefined/],
    ['with architectures that are no list', withConfig({ architectures: 7 }), 'unsupported_model', /not supported/],
    [
      'with a configuration that is no JSON',
      (folder) => writeFileSync(path.join(folder, 'config.json'), '{'),
      'invalid_model',
      /config\.json is not valid JSON/,
    ],
    [
      'with a configuration that is a list',
      (folder) => writeFileSync(path.join(folder, 'config.json'), '[]'),
      'invalid_model',
      /config\.json is not a JSON object/,
    ],
    [
      'with a configuration as large as a disk',
      (folder) => truncateSync(path.join(folder, 'config.json'), 65 * 2 ** 20),
      'invalid_model',
      /larger/,
    ],
    ['without weights', (folder) => rmSync(path.join(folder, 'model.safetensors')), 'invalid_model', /opened/],
    [
      'with weights that are cut',
      (folder) => truncateSync(path.join(folder, 'model.safetensors'), 9_000),
      'invalid_model',
      /truncated|past the end/,
    ],
    [
      'without a configuration and GGUF',
      (folder) => rmSync(path.join(folder, 'config.json')),
      'invalid_model',
      /0 \.gguf/,
    ],
  ])('%s is refused, and says why', (_name, change, code, words) => {
    const error = refusalOf(folderOf(change));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
    expect(error.message).not.toContain(root);
  });
});

describe('a GGUF file', () => {
  it('is read for what it is, and its tensors go by the names that builders know', () => {
    const file = llamaGguf();
    const model = readModel(file);
    expect(model).toMatchObject({
      name: 'Tiny Llama',
      format: 'gguf',
      family: 'llama',
      vocabularySize: 2,
      contextLength: 128,
      weightsFiles: [file],
      description: { tiedHead: true, interleavedRotaryRows: true, rmsNormEpsilon: expect.closeTo(1e-5, 8) as number },
    });
    const weights = model.openWeights();
    expect([...weights.tensors.keys()]).toEqual([
      'model.embed_tokens.weight',
      'model.layers.0.self_attn.q_proj.weight',
    ]);
    weights.close();
  });

  it('has a head of its own when it has one', () => {
    expect(readModel(llamaGguf({ head: true })).description).toMatchObject({ tiedHead: false });
  });

  it('may be the only one in a folder', () => {
    const folder = path.join(root, String((count += 1)));
    mkdirSync(folder);
    cpSync(llamaGguf(), path.join(folder, 'model.gguf'));
    expect(readModel(folder).format).toBe('gguf');
    cpSync(llamaGguf(), path.join(folder, 'other.gguf'));
    expect(refusalOf(folder).message).toMatch(/2 \.gguf files/);
  });

  it('of a family that we do not know is refused by its name', () => {
    expect(refusalOf(llamaGguf({ architecture: 'mamba' }))).toMatchObject({ code: 'unsupported_model' });
  });

  it('with a tensor under both of its names is refused when it is opened, and closed', () => {
    const file = path.join(root, `${(count += 1)}.gguf`);
    const keys = ['block_count', 'context_length', 'embedding_length', 'feed_forward_length', 'attention.head_count'];
    writeFileSync(
      file,
      ggufFile({
        keys: [
          gguf.string('general.architecture', 'qwen2'),
          gguf.strings('tokenizer.ggml.tokens', ['a', 'b']),
          ...keys.map((key) => gguf.uint32(`qwen2.${key}`, key === 'embedding_length' ? 32 : 2)),
        ],
        tensors: [
          { name: 'token_embd.weight', shape: [32, 2] },
          { name: 'model.embed_tokens.weight', shape: [32, 2] },
        ],
      }),
    );
    expect(() => readModel(file).openWeights()).toThrow(/twice/);
  });
});

it('a model that is not there is not found', () => {
  expect(refusalOf(path.join(root, 'absent'))).toMatchObject({ code: 'source_not_found' });
});
