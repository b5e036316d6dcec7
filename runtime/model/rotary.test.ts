import { describe, expect, it } from 'vitest';
import { refusal } from '../fixtures/refusal.ts';
import { readRotary, rotaryContextLength, rotaryTables, type Rotary } from './rotary.ts';
import { ModelSettings } from './settings.ts';

const of = (values: Record<string, unknown>): ModelSettings =>
  new ModelSettings('safetensors', new Map(Object.entries({ max_position_embeddings: 64, ...values })));

describe('the rotary embedding of a checkpoint', () => {
  it.each<[string, Record<string, unknown>, Rotary]>([
    ['the usual base', {}, { theta: 10_000 }],
    ['a base of its own', { rope_theta: 1e6 }, { theta: 1e6 }],
    ['one in the newer place', { rope_parameters: { rope_type: 'default', rope_theta: 5e5 } }, { theta: 5e5 }],
    ['the older place, with nothing said in the newer', { rope_parameters: null, rope_theta: 7 }, { theta: 7 }],
    ['no scaling, said so', { rope_scaling: { type: 'default' }, rope_theta: 9 }, { theta: 9 }],
  ])('turns by %s', (_name, values, rotary) => {
    expect(readRotary(of(values))).toEqual(rotary);
  });

  const usual = { betaFast: 32, betaSlow: 1, attentionFactor: 0.1 * Math.log(4) + 1 };
  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    [
      'as Qwen publishes it',
      { rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 32 } },
      { factor: 4, originalContextLength: 32, ...usual },
    ],
    [
      'in the newer place',
      { rope_parameters: { rope_type: 'yarn', rope_theta: 1e6, factor: 4, original_max_position_embeddings: 64 } },
      { factor: 4, originalContextLength: 64, ...usual },
    ],
    [
      'over all that was trained',
      { rope_scaling: { type: 'yarn', factor: 4 } },
      { factor: 4, originalContextLength: 64 },
    ],
    [
      'as far as the configuration reads',
      { rope_scaling: { type: 'yarn', original_max_position_embeddings: 16 } },
      { factor: 4, originalContextLength: 16 },
    ],
    [
      'with a factor of its own',
      { rope_scaling: { type: 'yarn', factor: 2, attention_factor: 1.5 } },
      { attentionFactor: 1.5 },
    ],
  ])('is YaRN %s', (_name, values, yarn) => {
    expect(readRotary(of(values)).yarn).toMatchObject(yarn);
  });

  it('reads as far as YaRN reaches', () => {
    const yarn = readRotary(of({ rope_scaling: { type: 'yarn', factor: 4 } }));
    expect(rotaryContextLength(64, yarn)).toBe(256);
    expect(rotaryContextLength(64, { theta: 7 })).toBe(64);
  });

  const yarn = (changes: object): Record<string, unknown> => ({
    rope_scaling: { type: 'yarn', factor: 4, ...changes },
  });
  it.each<[string, Record<string, unknown>, string, string, RegExp]>([
    [
      'an older name of scaling',
      { rope_scaling: { type: 'linear' } },
      'unsupported_model',
      'rope_scaling',
      /linear.*yarn are/,
    ],
    [
      'a scaling in the newer place',
      { rope_parameters: { rope_type: 'llama3' } },
      'unsupported_model',
      'rope_scaling',
      /llama3/,
    ],
    ['half a head', { rope_parameters: { partial_rotary_factor: 0.5 } }, 'unsupported_model', 'rope_scaling', /0\.5/],
    ['a base of nought', { rope_theta: 0 }, 'invalid_model', 'rope_theta', /rope_theta = 0/],
    [
      'a base below nought in the newer place',
      { rope_parameters: { rope_theta: -1 } },
      'invalid_model',
      'rope_theta',
      /-1/,
    ],
    ['a base that is a word', { rope_theta: 'ten' }, 'invalid_model', 'rope_theta', /ten/],
    ['a factor below one', yarn({ factor: 0.5 }), 'invalid_model', 'rope_scaling.factor', /0\.5/],
    ['a factor of no end', yarn({ factor: 1e9 }), 'invalid_model', 'rope_scaling.factor', /1024/],
    ['a factor that is a word', yarn({ factor: '4' }), 'invalid_model', 'rope_scaling.factor', /"4"/],
    [
      'no original length',
      yarn({ original_max_position_embeddings: 0 }),
      'invalid_model',
      'rope_scaling.original_max_position_embeddings',
      /= 0/,
    ],
    [
      'a ramp the wrong way round',
      yarn({ beta_fast: 1, beta_slow: 32 }),
      'invalid_model',
      'rope_scaling.beta_fast',
      /32/,
    ],
    [
      'attention of nothing',
      yarn({ attention_factor: 0 }),
      'invalid_model',
      'rope_scaling.attention_factor',
      /above 0/,
    ],
    ['no truncation', yarn({ truncate: false }), 'unsupported_model', 'rope_scaling', /truncation/],
  ])('does not turn by %s', (_name, values, code, param, words) => {
    const error = refusal(() => readRotary(of(values)));
    expect(error).toMatchObject({ code, param });
    expect(error.message).toMatch(words);
  });
});

describe('the tables of a rotary embedding', () => {
  const rotary: Rotary = { theta: 1e4 };
  const yarn = { factor: 4, originalContextLength: 64, attentionFactor: 1, betaFast: 32, betaSlow: 1 };

  it('begin with no turn, and turn the first pair by one radian a position', () => {
    const { cosines, sines } = rotaryTables(8, rotary, 3);
    expect([...cosines.subarray(0, 4), ...sines.subarray(0, 4)]).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
    expect(cosines[4]).toBeCloseTo(Math.cos(1), 6);
    expect(sines[8]).toBeCloseTo(Math.sin(2), 6);
  });

  it('are those without YaRN at a factor of one', () => {
    expect(rotaryTables(16, { ...rotary, yarn: { ...yarn, factor: 1 } }, 9)).toEqual(rotaryTables(16, rotary, 9));
  });

  it('keep what turns often, and slow what hardly turns by the factor', () => {
    const [plain, slowed] = [rotaryTables(32, rotary, 2), rotaryTables(32, { ...rotary, yarn }, 2)];
    expect(slowed.sines[16]).toBe(plain.sines[16]);
    expect((plain.sines[31] ?? 0) / (slowed.sines[31] ?? 1)).toBeCloseTo(4, 4);
  });

  it('are scaled by the attention factor', () => {
    const { cosines } = rotaryTables(8, { ...rotary, yarn: { ...yarn, attentionFactor: 1.25 } }, 1);
    expect([...cosines]).toEqual([1.25, 1.25, 1.25, 1.25]);
  });
});
