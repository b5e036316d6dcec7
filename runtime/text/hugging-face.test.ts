import { describe, expect, it } from 'vitest';
import { FleetError } from '@qwenfleet/core/errors';
import { byteFiles, byteTokenizer, bytesAsTokens } from '../fixtures/byte-tokenizer.ts';
import { Detokenizer } from './detokenizer.ts';
import { contentOf, openTokenizer } from './hugging-face.ts';
import type { TextFiles } from './model-files.ts';

const added = (id: number, content: string, special: boolean): object => ({
  id,
  content,
  special,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
});

/** The byte vocabulary with tokens of one's own behind it. */
function withAdded(...tokens: [content: string, special: boolean][]): TextFiles {
  const files = byteFiles();
  const own = tokens.map(([content, special], at) => added(260 + at, content, special));
  return {
    ...files,
    tokenizer: { ...files.tokenizer, added_tokens: [...(files.tokenizer['added_tokens'] as object[]), ...own] },
  };
}

const textOf = (tokenizer: ReturnType<typeof openTokenizer>, tokens: readonly number[]): string => {
  const reader = new Detokenizer(tokenizer);
  return tokens.map((token) => reader.push(token)).join('') + reader.end();
};

describe('tokens that end an answer', () => {
  it.each<[string, Partial<TextFiles>, number[]]>([
    ['those of the turn and of the text', {}, [0, 2]],
    ['one of generation_config.json', { generation: { eos_token_id: 50 } }, [0, 2, 50]],
    ['several of generation_config.json', { generation: { eos_token_id: [50, 51] } }, [0, 2, 50, 51]],
    ['not what is no number there', { generation: { eos_token_id: 'x' } }, [0, 2]],
    ['the one of tokenizer_config.json', { config: { eos_token: { content: 'he' } } }, [0, 2, 259]],
    ['not one that the vocabulary has not', { config: { eos_token: '<nowhere>' } }, [0, 2]],
  ])('are %s', (_name, changes, wanted) => {
    const { eosTokens } = openTokenizer({ ...byteFiles(), ...changes });
    expect([...eosTokens].toSorted((a, b) => a - b)).toEqual(wanted);
  });
});

describe('added tokens', () => {
  const tokenizer = openTokenizer(withAdded(['<think>', false], ['<|fim|>', true], ['naïveĠ', false]));

  it('that are special have no text; the others have their own, as it is written', () => {
    expect(textOf(tokenizer, [260])).toBe('<think>');
    expect(textOf(tokenizer, [261])).toBe('');
    // Written as text, not in the characters that stand for bytes.
    expect(textOf(tokenizer, [262])).toBe('naïveĠ');
  });

  it('are found in what a template wrote, and not in what a user wrote', () => {
    expect(tokenizer.encode('<think>', true)).toEqual([260]);
    expect(tokenizer.encode('<think>', false)).toEqual(bytesAsTokens('<think>'));
  });

  it('count as part of the vocabulary', () => {
    expect(tokenizer.vocabularySize).toBe(263);
    expect(byteTokenizer().vocabularySize).toBe(260);
  });
});

describe('a token that there is not', () => {
  it.each([-1, 5_000, 1.5, Number.NaN])('(%d) has no text', (token) => {
    expect([...byteTokenizer().bytesOf(token)]).toEqual([]);
  });
});

describe("a vocabulary of SentencePiece's pieces", () => {
  const pieces = ['<unk>', '<s>', '</s>', '<0x0A>', '<0xE4>', '<0xB8>', '<0x96>', '\u2581', 'h', 'i', '\u2581hi'];
  const tokenizer = openTokenizer({
    tokenizer: {
      version: '1.0',
      added_tokens: [added(0, '<unk>', true), added(1, '<s>', true), added(2, '</s>', true)],
      normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '\u2581' },
      pre_tokenizer: null,
      post_processor: null,
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '\u2581' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
        ],
      },
      model: {
        type: 'BPE',
        unk_token: '<unk>',
        byte_fallback: true,
        vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
        merges: [],
      },
    },
    config: { eos_token: '</s>' },
    chatTemplate: undefined,
    generation: {},
  });

  it('gives spaces and bytes, not what stands for them', () => {
    expect(textOf(tokenizer, [10, 7, 8, 3, 9])).toBe(' hi h\ni');
    expect(textOf(tokenizer, [4, 5, 6])).toBe('世');
  });
});

describe('a tokenizer that cannot be used', () => {
  it.each<[string, Record<string, unknown>]>([
    ['is empty', {}],
    ['has no model', { version: '1.0', added_tokens: [] }],
    ['has a model of an unknown kind', { added_tokens: [], model: { type: 'Morse' } }],
  ])('because it %s is refused with a code', (_name, tokenizer) => {
    let seen: unknown;
    try {
      openTokenizer({ ...byteFiles(), tokenizer });
    } catch (error) {
      seen = error;
    }
    expect(seen).toBeInstanceOf(FleetError);
    expect(seen).toMatchObject({ code: 'invalid_model' });
  });
});

describe('a long text', () => {
  it.each([
    ['of one letter', 'a'],
    ['of spaces', ' '],
    ['of beginnings of control tokens', '<|im_'],
    ['of characters of four bytes', '\u{1F600}'],
  ])('%s is read in a time that grows with its length, not with its square', (_name, unit) => {
    const tokenizer = byteTokenizer();
    const timeMs = (length: number): number => {
      const text = unit.repeat(length / unit.length);
      const startedMs = performance.now();
      tokenizer.encode(text, false);
      return performance.now() - startedMs;
    };
    timeMs(1_000);
    const [short, long] = [timeMs(8_000), timeMs(64_000)];
    // Eight times the text; a square would be sixty-four times the time. Half a second is for a machine that is busy.
    expect(long).toBeLessThan(short * 32 + 500);
  });
});

describe('the text of a token in tokenizer_config.json', () => {
  it.each([
    ['</s>', '</s>'],
    [{ content: '</s>', lstrip: false }, '</s>'],
    [null, undefined],
    [7, undefined],
    [{ content: 7 }, undefined],
  ])('%j is %j', (value, wanted) => {
    expect(contentOf(value)).toBe(wanted);
  });
});
