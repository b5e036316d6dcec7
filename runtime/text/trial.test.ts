import { describe, expect, it } from 'vitest';
import { chatTemplate, byteFiles } from '../fixtures/byte-tokenizer.ts';
import { rejection } from '../fixtures/generation.ts';
import { tryText } from './trial.ts';

const { tokenizer } = byteFiles();
const split = (regex: string): object => ({
  pre_tokenizer: { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false },
});

describe('the text files of a model, tried before it is loaded', () => {
  it.each<[string, Parameters<typeof tryText>[0]]>([
    ['are a template and a tokenizer', { chatTemplate, tokenizer }],
    ['may have no template', { chatTemplate: undefined, tokenizer }],
    ['may have a template that refuses the conversation', { chatTemplate: "{{ raise_exception('no') }}", tokenizer }],
    ['may be what only their reader can refuse', { chatTemplate: '{% if %}', tokenizer: {} }],
    [
      'may have the pattern of Qwen',
      { chatTemplate, tokenizer: byteFiles({ 'tokenizer.ggml.pre': 'qwen2' }).tokenizer },
    ],
  ])('%s', async (_name, files) => {
    await expect(tryText(files)).resolves.toBeUndefined();
  });

  it.each<[string, Parameters<typeof tryText>[0], RegExp]>([
    [
      'a template that never ends',
      { chatTemplate: '{% for i in range(99999999999) %}{% endfor %}', tokenizer },
      /chat template takes more/,
    ],
    [
      'a template that writes a book',
      {
        chatTemplate: `{% set ns = namespace(x='aaaaaaaa') %}${'{% set ns.x = ns.x ~ ns.x %}'.repeat(18)}{{ ns.x }}`,
        tokenizer,
      },
      /chat template makes \d{7}/,
    ],
    [
      'a pattern that tries every way',
      { chatTemplate, tokenizer: { ...tokenizer, ...split('(a+a+)+b') } },
      /tokenizer takes more than 3 s of a processor/,
    ],
  ])('are refused for %s', async (_name, files, words) => {
    const error = await rejection(tryText(files));
    expect(error).toMatchObject({ code: 'invalid_model' });
    expect((error as Error).message).toMatch(words);
  });

  it('are let go when the load is', async () => {
    const stop = new AbortController();
    const trial = tryText({ chatTemplate: undefined, tokenizer: { ...tokenizer, ...split('(a+a+)+b') } }, stop.signal);
    stop.abort(new Error('stopped'));
    expect(await rejection(trial)).toMatchObject({ message: 'stopped' });
    expect(await rejection(tryText({ chatTemplate, tokenizer }, stop.signal))).toMatchObject({ message: 'stopped' });
  });
});
