import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { samplingDefaults } from './served-model.ts';

const mild = { temperature: 0.7, topP: 0.95, topK: 0, minP: 0, repetitionPenalty: 1 };

describe('how a model’s makers want it sampled', () => {
  it.each<[string, Record<string, unknown>, object]>([
    ['nothing', {}, mild],
    [
      'the cards of Qwen3',
      { temperature: 0.6, top_p: 0.95, top_k: 20, do_sample: true },
      { temperature: 0.6, topK: 20 },
    ],
    ['greedy', { do_sample: false, temperature: 0.9 }, { temperature: 0 }],
    ['a penalty', { repetition_penalty: 1.05 }, { repetitionPenalty: 1.05 }],
    ['nulls', { temperature: null, top_k: null }, mild],
    ['words', { temperature: 'warm' }, mild],
    ['what nobody could ask for', { temperature: -1, top_p: 0, top_k: 1.5, min_p: 2, repetition_penalty: 0 }, mild],
  ])('is taken from generation_config.json: %s', (_name, generation, wanted) => {
    expect(samplingDefaults(generation)).toMatchObject(wanted);
  });

  it('is never outside of what a request may ask for', () => {
    const any = fc.oneof(fc.double(), fc.integer(), fc.string(), fc.constant(null));
    fc.assert(
      fc.property(any, any, any, (temperature, top, penalty) => {
        const given = { temperature, top_p: top, top_k: top, min_p: top, repetition_penalty: penalty };
        const { temperature: warm, topP, topK, minP, repetitionPenalty } = samplingDefaults(given);
        expect(warm >= 0 && warm <= 2).toBe(true);
        expect(topP > 0 && topP <= 1).toBe(true);
        expect(Number.isInteger(topK) && topK >= -1).toBe(true);
        expect(minP >= 0 && minP <= 1).toBe(true);
        expect(repetitionPenalty > 0 && repetitionPenalty <= 2).toBe(true);
      }),
      { numRuns: 300, seed: 4 },
    );
  });
});
