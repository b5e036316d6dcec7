import { describe, expect, it } from 'vitest';
import { shippedWeights } from '../../score/weights.ts';
import { evidence } from './evidence.ts';
import { createAdaptivePolicy } from './policy.ts';

describe('what support reads to a customer', () => {
  it('is a sentence for each thing that counted, strongest first', () => {
    expect(evidence({ proof: -1.2, plainWords: 0.4, law: -0.1 })).toEqual([
      'The words of a proof: a small model is much less likely to be right.',
      'How plain its words are: a small model is more likely to be right.',
      'The words of a question of law: a small model is slightly less likely to be right.',
    ]);
  });

  it('has at most five, and knows no feature that it cannot name', () => {
    expect(evidence({ a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 })).toHaveLength(5);
    expect(evidence({ someNewThing: 1 })[0]).toMatch(/^The words of some new thing: /);
    expect(evidence({})).toEqual([]);
  });

  it('is there for a real decision', () => {
    const pools = (['small', 'large'] as const).map((tier) => ({
      name: tier,
      tier,
      task: 'generate' as const,
      contextLength: 4_096,
      capabilities: { tools: false, json: false, vision: false },
      costPerToken: tier === 'small' ? 0.1 : 1,
      ready: 1,
      starting: 0,
      waitMs: 0,
      pressure: 0,
      available: true,
    }));
    const text = 'Prove that the square root of 2 is irrational.';
    const request = {
      messages: [{ role: 'user', text }],
      tools: false,
      json: false,
      promptTokens: 20,
      maxTokens: undefined,
    };
    const decision = createAdaptivePolicy(shippedWeights).decide(request, pools, { costWeight: 0.3, waitWeight: 0 });
    expect(evidence(decision.features).join('\n')).toMatch(/proof.*less likely/);
  });
});
