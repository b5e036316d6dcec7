import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusal } from '../fixtures/refusal.ts';
import { folderPooling, ggufPooling } from './pooling.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'pooling-'));
  mkdirSync(path.join(folder, '1_Pooling'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const write = (name: string, value: unknown): void =>
  writeFileSync(path.join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));

describe('what a folder says of its vectors', () => {
  it('is nothing for a model that makes text', () => {
    expect(folderPooling(folder)).toBeUndefined();
  });

  it.each([
    ['pooling_mode_mean_tokens', 'mean'],
    ['pooling_mode_cls_token', 'first'],
    ['pooling_mode_lasttoken', 'last'],
  ])('is how they are pooled: %s', (mode, pooling) => {
    write('modules.json', [{ type: 'sentence_transformers.models.Normalize' }]);
    write('1_Pooling/config.json', { word_embedding_dimension: 8, [mode]: true, pooling_mode_max_tokens: false });
    expect(folderPooling(folder)).toEqual({ pooling, normalize_embeddings: true });
  });

  it('may leave the pooling to the family', () => {
    write('modules.json', [{ type: 'sentence_transformers.models.Pooling' }]);
    expect(folderPooling(folder)).toEqual({ normalize_embeddings: false });
  });

  it.each<[string, string, unknown, string, RegExp]>([
    [
      'two poolings at once',
      '1_Pooling/config.json',
      { pooling_mode_mean_tokens: true, pooling_mode_lasttoken: true },
      'unsupported_model',
      /mean_tokens and pooling_mode_lasttoken/,
    ],
    [
      'a pooling that there is not here',
      '1_Pooling/config.json',
      { pooling_mode_max_tokens: true },
      'unsupported_model',
      /max_tokens/,
    ],
    ['none', '1_Pooling/config.json', {}, 'unsupported_model', /no pooling/],
    ['modules that are no JSON', 'modules.json', '[', 'invalid_model', /modules\.json is not valid/],
    ['modules without end', 'modules.json', ' '.repeat(2 ** 20 + 1), 'invalid_model', /larger/],
  ])('is refused when it is %s', (_name, file, value, code, words) => {
    write('modules.json', []);
    write(file, value);
    const error = refusal(() => folderPooling(folder));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
  });
});

describe('what a GGUF says of its vectors', () => {
  it('is a number of llama.cpp', () => {
    expect([undefined, 0].map(ggufPooling)).toEqual([undefined, undefined]);
    expect([1, 2, 3].map((type) => ggufPooling(type)?.pooling)).toEqual(['mean', 'first', 'last']);
    for (const type of [4, -1, '3.5', [1, 2]]) expect(refusal(() => ggufPooling(type)).code).toBe('unsupported_model');
  });
});
