import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusal } from '../fixtures/refusal.ts';
import { FleetError } from '@qwenfleet/core/errors';
import { ggufSettings, ModelSettings } from './settings.ts';

const of = (values: Record<string, unknown>): ModelSettings =>
  new ModelSettings('safetensors', new Map(Object.entries(values)));

describe('the settings of a checkpoint', () => {
  it.each([1, 64, 151_936, 2 ** 31 - 1])('have sizes such as %d', (value) => {
    expect(of({ n: value }).size('n')).toBe(value);
  });

  it.each([0, -1, 1.5, 2 ** 31, Infinity, Number.NaN, '64', true, [], {}])('have no size of %j', (value) => {
    const error = refusal(() => of({ n: value }).size('n'));
    expect(error).toMatchObject({ code: 'invalid_model', param: 'n' });
    expect(error.message).toContain('n = ');
  });

  it('may leave out what has a usual value, by silence or by null', () => {
    expect(of({}).size('n', 7)).toBe(7);
    expect(of({ n: null }).size('n', 7)).toBe(7);
    expect(of({ n: null }).number('n', 0.5)).toBe(0.5);
    expect(of({}).flag('n', true)).toBe(true);
    expect(of({ n: null }).text('n', 'silu')).toBe('silu');
    expect(refusal(() => of({}).size('n')).message).toContain('nothing');
  });

  it('have numbers, flags and words that are such', () => {
    expect(of({ n: 1e-6 }).number('n')).toBe(1e-6);
    expect(refusal(() => of({ n: 'x' }).number('n')).message).toContain('"x"');
    expect(refusal(() => of({ n: 'yes' }).flag('n', false)).message).toMatch(/true or false/);
    expect(of({ n: 7 }).text('n', 'silu')).toBe('silu');
    expect([of({ n: 0 }).has('n'), of({ n: null }).has('n'), of({}).has('n')]).toEqual([true, false, false]);
  });

  it.each<[string, Record<string, unknown>, number]>([
    ['the usual base', {}, 10_000],
    ['a base of its own', { rope_theta: 1e6 }, 1e6],
    ['one in the newer place', { rope_parameters: { rope_type: 'default', rope_theta: 5e5 } }, 5e5],
    ['the older place, with nothing said in the newer', { rope_parameters: null, rope_theta: 7 }, 7],
    ['no scaling, said so', { rope_scaling: { type: 'default' }, rope_theta: 9 }, 9],
  ])('turn their rotary embedding by %s', (_name, values, theta) => {
    expect(of(values).ropeTheta()).toBe(theta);
  });

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ['YaRN', { rope_scaling: { rope_type: 'yarn', factor: 4 } }, 'unsupported_model', /yarn/],
    ['an older name of scaling', { rope_scaling: { type: 'linear' } }, 'unsupported_model', /linear/],
    ['a scaling in the newer place', { rope_parameters: { rope_type: 'llama3' } }, 'unsupported_model', /llama3/],
    ['a base of nought', { rope_theta: 0 }, 'invalid_model', /rope_theta = 0/],
    ['a base below nought in the newer place', { rope_parameters: { rope_theta: -1 } }, 'invalid_model', /-1/],
    ['a base that is a word', { rope_theta: 'ten' }, 'invalid_model', /ten/],
  ])('do not turn it by %s', (_name, values, code, words) => {
    const error = refusal(() => of(values).ropeTheta());
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
  });

  it('take any JSON without failing otherwise', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (value, scaling) => {
        const settings = of({ n: value, rope_scaling: scaling, rope_theta: value });
        for (const read of [
          () => settings.size('n'),
          () => settings.number('n'),
          () => settings.flag('n', true),
          () => settings.text('n', ''),
          () => settings.ropeTheta(),
        ]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(FleetError);
          }
        }
      }),
      { numRuns: 200, seed: 15 },
    );
  });
});

describe('the settings of a GGUF file', () => {
  const metadata = (values: Record<string, unknown>): ReadonlyMap<string, unknown> => new Map(Object.entries(values));

  it('go by the names that Hugging Face has for them', () => {
    const settings = ggufSettings(
      metadata({
        'qwen2.block_count': 24,
        'qwen2.embedding_length': 896,
        'qwen2.attention.head_count_kv': 2,
        'qwen2.rope.freq_base': 1e6,
        'llama.block_count': 99,
        'tokenizer.ggml.tokens': ['a', 'b', 'c'],
      }),
      'qwen2',
    );
    expect(settings.format).toBe('gguf');
    expect(settings.size('num_hidden_layers')).toBe(24);
    expect(settings.size('hidden_size')).toBe(896);
    expect(settings.size('num_key_value_heads')).toBe(2);
    expect(settings.ropeTheta()).toBe(1e6);
    expect(settings.size('vocab_size')).toBe(3);
    expect(settings.has('head_dim')).toBe(false);
  });

  it('pass a scaled rotary embedding on, to be refused', () => {
    const scaled = (type: unknown): ModelSettings =>
      ggufSettings(metadata({ 'llama.rope.scaling.type': type }), 'llama');
    expect(scaled('none').ropeTheta()).toBe(10_000);
    expect(refusal(() => scaled('yarn').ropeTheta()).code).toBe('unsupported_model');
  });
});
