import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusal } from '../fixtures/refusal.ts';
import { FleetError } from '@qwenfleet/core/errors';
import { readRotary } from './rotary.ts';
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

  it('have objects within, whose settings are named by where they lie', () => {
    const within = of({ a: { b: { n: 'x' } } })
      .nested('a')
      ?.nested('b');
    expect(refusal(() => within?.size('n')).message).toContain('a.b.n = "x"');
    for (const other of [{}, { a: null }, { a: [1] }, { a: 7 }]) expect(of(other).nested('a')).toBeUndefined();
    expect([of({ n: [1] }).lists('n'), of({ n: [] }).lists('n'), of({}).lists('n')]).toEqual([true, false, false]);
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
          () => readRotary(settings),
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
    expect(readRotary(settings)).toEqual({ theta: 1e6 });
    expect(settings.size('vocab_size')).toBe(3);
    expect(settings.has('head_dim')).toBe(false);
  });

  it('have the keys of its own family too', () => {
    const settings = ggufSettings(metadata({ 'qwen3moe.expert_count': 8 }), 'qwen3moe', [
      ['expert_count', 'num_experts'],
    ]);
    expect(settings.size('num_experts')).toBe(8);
  });

  it('have a scaled rotary embedding as llama.cpp writes it', () => {
    const scaled = (type: unknown, others: object = {}): ModelSettings =>
      ggufSettings(metadata({ 'q.rope.scaling.type': type, 'q.context_length': 128, ...others }), 'q');
    expect(readRotary(scaled('none'))).toEqual({ theta: 10_000 });
    expect(
      readRotary(scaled('yarn', { 'q.rope.scaling.factor': 4, 'q.rope.scaling.original_context_length': 32 })),
    ).toMatchObject({
      yarn: { factor: 4, originalContextLength: 32, betaFast: 32, betaSlow: 1 },
    });
    expect(refusal(() => readRotary(scaled('yarn', { 'q.rope.scaling.yarn_ext_factor': 0.5 }))).message).toMatch(
      /0\.5/,
    );
    expect(refusal(() => readRotary(scaled('longrope'))).code).toBe('unsupported_model');
  });
});
