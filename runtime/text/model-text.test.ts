import { describe, expect, it } from 'vitest';
import { byteFiles } from '../fixtures/byte-tokenizer.ts';
import { refusal } from '../fixtures/refusal.ts';
import type { TextFiles } from './model-files.ts';
import { assertRows, openText, textDigest } from './model-text.ts';

const files = byteFiles();
const model = { task: 'generate', vocabularySize: 300 } as const;
const open = (changed: TextFiles, of: Parameters<typeof openText>[2] = model) =>
  openText(changed, textDigest(changed), of);

describe('text files', () => {
  it('are the same when all that is read of them is', () => {
    expect(textDigest(byteFiles())).toBe(textDigest(files));
    const { tokenizer, config } = files;
    const others: TextFiles[] = [
      byteFiles({ 'tokenizer.ggml.merges': ['e h'] }),
      byteFiles({ 'tokenizer.ggml.pre': 'llama-bpe' }),
      { ...files, config: { ...config, eos_token: '<|endoftext|>' } },
      { ...files, tokenizer: { ...tokenizer, added_tokens: [] } },
      { ...files, chatTemplate: `${files.chatTemplate} ` },
      { ...files, chatTemplate: undefined },
      { ...files, generation: { temperature: 0 } },
    ];
    expect(new Set([files, ...others].map(textDigest)).size).toBe(1 + others.length);
  });

  it('have a template for models that answer, and none for those that make vectors', () => {
    expect(open(files).template).toBeDefined();
    expect(open(files, { ...model, task: 'embed' }).template).toBeUndefined();
    expect(open({ ...files, chatTemplate: undefined }).template).toBeUndefined();
  });

  it('say how many rows the weights must have', () => {
    expect(open(files).rows).toBe(260);
    expect(() => assertRows(260, 260)).not.toThrow();
    expect(() => assertRows(260, 259)).toThrow(/260 tokens and the weights have 259/);
    expect(() => open(files, { ...model, vocabularySize: 259 })).toThrow(/they are not of the same model/);
  });

  it.each([1.5, -1, '7', null])('are refused for a token of the number %j', (id) => {
    const { tokenizer } = files;
    const changed = { ...files, tokenizer: { ...tokenizer, added_tokens: [{ id, content: '<x>' }] } };
    expect(refusal(() => open(changed))).toMatchObject({ code: 'invalid_model' });
  });
});
