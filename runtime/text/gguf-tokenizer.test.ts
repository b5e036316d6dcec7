import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetError } from '@qwenfleet/core/errors';
import { byteFiles, byteMetadata, chatTemplate } from '../fixtures/byte-tokenizer.ts';
import { ggufTokenizer } from './gguf-tokenizer.ts';
import { openTokenizer } from './hugging-face.ts';

describe('the tokenizer inside a GGUF file', () => {
  it('carries the template, and the ends of a text, as tokenizer_config.json would', () => {
    const { config } = ggufTokenizer(
      byteMetadata({ 'tokenizer.ggml.bos_token_id': 0, 'tokenizer.ggml.add_bos_token': true }),
    );
    expect(config).toEqual({
      bos_token: '<|endoftext|>',
      eos_token: '<|im_end|>',
      add_bos_token: true,
      chat_template: chatTemplate,
    });
  });

  it.each([undefined, -1, 9_999, 'x', Number.NaN])('has no end of a text when its number is %s', (id) => {
    expect(ggufTokenizer(byteMetadata({ 'tokenizer.ggml.eos_token_id': id })).config['eos_token']).toBeNull();
  });

  it.each([
    ['gpt-2', "it's 1234", ['it', "'s", ' 123', '4']],
    ['smollm', 'a 1234', ['a', ' ', '1', '2', '3', '4']],
    ['qwen2', 'a 1234', ['a', ' ', '1', '2', '3', '4']],
    ['llama-bpe', 'a 1234', ['a', ' ', '123', '4']],
  ])('with the cut of %s never merges over it', (pre, text) => {
    // A vocabulary that would merge digits and spaces wherever it may.
    const metadata = byteMetadata({ 'tokenizer.ggml.pre': pre });
    const tokens = [...(metadata.get('tokenizer.ggml.tokens') as string[]), '12', '34', '123', '1234', '\u0120a'];
    const tokenizer = openTokenizer({
      ...byteFiles({
        'tokenizer.ggml.pre': pre,
        'tokenizer.ggml.tokens': tokens,
        'tokenizer.ggml.merges': ['1 2', '3 4', '12 3', '12 34', '\u0120 a'],
      }),
    });
    const pieces = tokenizer.encode(text, false).map((token) => Buffer.from(tokenizer.bytesOf(token)).toString());
    expect(pieces.join('')).toBe(text);
    const digits = pieces.filter((piece) => /\d/.test(piece));
    if (pre === 'qwen2' || pre === 'smollm') expect(digits).toEqual(['1', '2', '3', '4']);
    if (pre === 'llama-bpe') expect(digits).toEqual(['123', '4']);
    if (pre === 'gpt-2') expect(digits).toEqual(['1234']);
  });

  it('knows control and user-defined tokens by their type', () => {
    const types = Array.from({ length: 260 }, (_, id) => (id < 3 ? 3 : id === 259 ? 4 : 1));
    const { tokenizer } = ggufTokenizer(byteMetadata({ 'tokenizer.ggml.token_type': types }));
    const added = tokenizer['added_tokens'] as { id: number; content: string; special: boolean }[];
    expect(added.map(({ id, special }) => [id, special])).toEqual([
      [0, true],
      [1, true],
      [2, true],
      [259, false],
    ]);
  });

  it('is whole when a token is called as a property of every object', () => {
    const tokens = [...(byteMetadata().get('tokenizer.ggml.tokens') as string[]), '__proto__', 'constructor'];
    const { tokenizer } = ggufTokenizer(byteMetadata({ 'tokenizer.ggml.tokens': tokens }));
    const { vocab } = tokenizer['model'] as { vocab: Record<string, number> };
    expect(Object.keys(vocab)).toHaveLength(tokens.length);
    expect(Object.getOwnPropertyDescriptor(vocab, '__proto__')?.value).toBe(260);
  });

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ['no kind', { 'tokenizer.ggml.model': undefined }, 'unsupported_model', /tokenizer\.ggml\.model/],
    ['another kind', { 'tokenizer.ggml.model': 'llama' }, 'unsupported_model', /"llama"/],
    ['an unknown cut', { 'tokenizer.ggml.pre': 'martian' }, 'unsupported_model', /martian.*qwen2/],
    ['no tokens', { 'tokenizer.ggml.tokens': undefined }, 'invalid_model', /tokens/],
    ['tokens that are numbers', { 'tokenizer.ggml.tokens': [1, 2] }, 'invalid_model', /tokens/],
    ['no merges', { 'tokenizer.ggml.merges': 7 }, 'invalid_model', /merges/],
  ])('with %s is refused by name', (_name, changes, code, words) => {
    let seen: unknown;
    try {
      ggufTokenizer(byteMetadata(changes));
    } catch (error) {
      seen = error;
    }
    expect(seen).toBeInstanceOf(FleetError);
    expect(seen).toMatchObject({ code });
    expect((seen as FleetError).message).toMatch(words);
  });

  it('takes any key-values without failing otherwise', () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 4 }),
    );
    const keys = ['model', 'pre', 'tokens', 'token_type', 'merges', 'eos_token_id', 'bos_token_id'];
    fc.assert(
      fc.property(fc.constantFrom(...keys), value, (key, given) => {
        try {
          ggufTokenizer(byteMetadata({ [`tokenizer.ggml.${key}`]: given }));
        } catch (error) {
          expect(error).toBeInstanceOf(FleetError);
        }
      }),
      { numRuns: 200, seed: 10 },
    );
  });
});
