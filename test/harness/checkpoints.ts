import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { characterOfByte } from '@qwenfleet/runtime/text/byte-level';
import { root } from '../house/imports.ts';

/** Names of the tiny checkpoints: folders with weights at random, made by the scripts beside them. */
export const checkpoints = (): string[] =>
  readdirSync(path.join(root, 'test/fixtures/models'), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );

export const checkpointFolder = (family: string): string => path.join(root, 'test/fixtures/models', family);

export type Reference = { tokens: number[]; positions: number[]; logits: number[][]; greedy: number[] };

/** What transformers computed for a checkpoint: logits at some positions, and the greedy tokens that follow. */
export const referencesOf = (family: string): Reference[] =>
  (JSON.parse(readFileSync(path.join(checkpointFolder(family), 'expected.json'), 'utf8')) as { prompts: Reference[] })
    .prompts;

const specials = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];

/** A tokenizer of bytes for the vocabulary of 384: three control tokens, then every byte. */
export function byteTokenizer(): { tokenizer: object; config: object } {
  const vocabulary = [...specials, ...characterOfByte];
  return {
    tokenizer: {
      version: '1.0',
      added_tokens: specials.map((content, id) => ({
        id,
        content,
        special: true,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
      })),
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      post_processor: null,
      decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      model: { type: 'BPE', vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])), merges: [] },
    },
    config: {
      eos_token: '<|im_end|>',
      chat_template:
        '{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}',
    },
  };
}

/** A tiny checkpoint as somebody would publish it: weights, configuration, tokenizer and chat template. */
export function publishedCheckpoint(family = 'qwen3'): string {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'qwenfleet-checkpoint-')), 'Tiny');
  mkdirSync(folder);
  for (const name of ['config.json', 'model.safetensors'])
    cpSync(path.join(checkpointFolder(family), name), path.join(folder, name));
  const { tokenizer, config } = byteTokenizer();
  writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(path.join(folder, 'tokenizer_config.json'), JSON.stringify(config));
  writeFileSync(
    path.join(folder, 'generation_config.json'),
    JSON.stringify({ temperature: 0.6, top_k: 20, top_p: 0.95 }),
  );
  return folder;
}
