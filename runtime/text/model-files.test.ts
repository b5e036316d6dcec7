import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusal } from '../fixtures/refusal.ts';
import { byteMetadata, chatTemplate } from '../fixtures/byte-tokenizer.ts';
import { readTextFiles, type TextFiles } from './model-files.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'text-files-'))));
afterEach(() => rmSync(folder, { recursive: true }));

/** Reads a folder of these files. */
function read(files: Record<string, string>): TextFiles {
  const companions = new Map(
    Object.entries(files).map(([name, text]) => {
      const file = path.join(folder, name);
      writeFileSync(file, text);
      return [name, file];
    }),
  );
  return readTextFiles({ format: 'safetensors', metadata: new Map(), companions });
}

describe("a folder's text files", () => {
  it('are the tokenizer, its settings and how to generate', () => {
    const files = read({
      'tokenizer.json': '{"model":{}}',
      'tokenizer_config.json': '{"eos_token":"x"}',
      'generation_config.json': '{"top_k":20}',
    });
    expect(files).toMatchObject({ tokenizer: { model: {} }, config: { eos_token: 'x' }, generation: { top_k: 20 } });
    expect(files.chatTemplate).toBeUndefined();
  });

  it('may lack everything but the tokenizer', () => {
    expect(read({ 'tokenizer.json': '{}' })).toEqual({
      tokenizer: {},
      config: {},
      chatTemplate: undefined,
      generation: {},
    });
    expect(refusal(() => read({})).message).toMatch(/tokenizer\.json/);
  });

  it.each<[string, object, string | undefined]>([
    ['a text', { chat_template: 'a' }, 'a'],
    [
      'the default of several',
      {
        chat_template: [
          { name: 'tool_use', template: 'b' },
          { name: 'default', template: 'a' },
        ],
      },
      'a',
    ],
    ['the first of several without a default', { chat_template: [{ name: 'rag', template: 'b' }] }, 'b'],
    ['none', {}, undefined],
    ['none when it is something else', { chat_template: 7 }, undefined],
    ['none in a list of nothing', { chat_template: [] }, undefined],
    ['none in a list of nulls', { chat_template: [null] }, undefined],
  ])('have a template that is %s', (_name, config, wanted) => {
    const files = read({ 'tokenizer.json': '{}', 'tokenizer_config.json': JSON.stringify(config) });
    expect(files.chatTemplate).toBe(wanted);
  });

  it('have a template in a file of its own, which wins', () => {
    const config = JSON.stringify({ chat_template: 'older' });
    const files = read({ 'tokenizer.json': '{}', 'tokenizer_config.json': config, 'chat_template.jinja': 'newer' });
    expect(files.chatTemplate).toBe('newer');
  });

  it.each<[string, string, RegExp]>([
    ['tokenizer.json', '{', /tokenizer\.json is not valid JSON/],
    ['tokenizer.json', '[]', /tokenizer\.json is not a JSON object/],
    ['tokenizer.json', 'null', /tokenizer\.json is not a JSON object/],
    ['generation_config.json', '"x"', /generation_config\.json is not a JSON object/],
  ])('name the one at fault: %s of %j', (name, text, words) => {
    const error = refusal(() => read({ 'tokenizer.json': '{}', [name]: text }));
    expect(error.code).toBe('invalid_model');
    expect(error.message).toMatch(words);
  });

  it.each(['tokenizer.json', 'chat_template.jinja'])('are bounded: %s', (name) => {
    const companions = new Map<string, string>();
    for (const [each, bytes] of [
      ['tokenizer.json', 2],
      [name, 65 * 1024 * 1024],
    ] as const) {
      const file = path.join(folder, each);
      writeFileSync(file, '{}');
      truncateSync(file, bytes);
      companions.set(each, file);
    }
    const error = refusal(() => readTextFiles({ format: 'safetensors', metadata: new Map(), companions }));
    expect(error.code).toBe('invalid_model');
    expect(error.message).toContain(name);
  });
});

describe("a GGUF file's text files", () => {
  it('are what its key-values say', () => {
    const files = readTextFiles({ format: 'gguf', metadata: byteMetadata(), companions: new Map() });
    expect(files.chatTemplate).toBe(chatTemplate);
    expect(files.config['eos_token']).toBe('<|im_end|>');
    expect(files.generation).toEqual({});
  });
});
