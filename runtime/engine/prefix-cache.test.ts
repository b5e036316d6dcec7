import { describe, expect, it } from 'vitest';
import { requestOf } from '../fixtures/generation.ts';
import { PrefixCache } from './prefix-cache.ts';
import type { Sequence } from './sequence.ts';

const prompt = (kind: number, length = 40): number[] => Array.from({ length }, (_, at) => kind * 1_000 + at);

const sequenceOf = (promptTokens: number[], slot = 0, changes: Partial<Sequence> = {}): Sequence => ({
  request: requestOf(promptTokens),
  phase: 'prefilling',
  slot,
  tokens: [...promptTokens],
  cached: 0,
  reused: 0,
  maxTokens: 1,
  arrival: 0,
  preemptions: 0,
  arrivedMs: 0,
  startedMs: 0,
  firstTokenMs: 0,
  ...changes,
});

/** A sequence that runs alone in slot 0, from its beginning to its end. */
function alone(cache: PrefixCache, promptTokens: number[]): { reused: number; moves: object[] } {
  const sequence = sequenceOf(promptTokens);
  const moves = cache.begin(sequence, [sequence]);
  const { reused } = sequence;
  sequence.cached = promptTokens.length;
  return { reused, moves: [...moves, ...cache.keep(sequence, 1)] };
}

describe('a cache of prompts', () => {
  it('takes over in place what lies where the next one begins', () => {
    const cache = new PrefixCache(4);
    expect(alone(cache, prompt(1))).toEqual({ reused: 0, moves: [] });
    expect(alone(cache, [...prompt(1), 7, 8, 9])).toEqual({ reused: 32, moves: [] });
  });

  it('makes way for another prompt without losing the first', () => {
    const cache = new PrefixCache(4);
    alone(cache, prompt(1));
    expect(alone(cache, prompt(2)).moves).toEqual([{ from: 0, to: 3, tokens: 32 }]);
    expect(alone(cache, prompt(1))).toMatchObject({ reused: 32 });
    expect(alone(cache, prompt(2))).toMatchObject({ reused: 32 });
  });

  it('forgets the one that was used longest ago', () => {
    const cache = new PrefixCache(3);
    for (const kind of [1, 2, 3, 1, 4]) alone(cache, prompt(kind));
    expect([4, 1, 2].map((kind) => alone(cache, prompt(kind)).reused)).toEqual([32, 32, 0]);
  });

  it('has no room where every slot is in use, and says nothing wrong', () => {
    const cache = new PrefixCache(2);
    const [first, second] = [sequenceOf(prompt(1), 0, { cached: 40 }), sequenceOf(prompt(2), 1, { cached: 40 })];
    expect(cache.keep(first, 2)).toEqual([]);
    expect(cache.keep(second, 2)).toEqual([]);
    const next = sequenceOf(prompt(1), 1);
    cache.begin(next, [second, next]);
    expect(next.reused).toBe(0);
  });

  it('takes a prompt from a sequence that still runs', () => {
    const cache = new PrefixCache(4);
    const running = sequenceOf(prompt(1), 0, { phase: 'decoding', cached: 45 });
    const next = sequenceOf([...prompt(1), 5], 1);
    expect(cache.begin(next, [running, next])).toEqual([{ from: 0, to: 1, tokens: 32 }]);
  });

  it.each<[string, number[], Partial<Sequence>, number]>([
    ['a prompt shorter than a block', prompt(1, 15), {}, 0],
    ['all of a prompt', prompt(1, 32), {}, 16],
    ['all but one of its tokens', prompt(1, 33), {}, 16],
    ['all but two of its tokens', prompt(1, 34), {}, 32],
    ['a prompt that differs early', [9, ...prompt(1)], {}, 0],
    [
      'a prompt whose log-probabilities are wanted',
      prompt(1),
      { request: { ...requestOf(prompt(1)), promptLogprobs: true } },
      0,
    ],
  ])('gives whole blocks only, and never %s', (_name, wanted, changes, reused) => {
    const cache = new PrefixCache(2);
    alone(cache, prompt(1));
    const sequence = sequenceOf(wanted, 0, changes);
    cache.begin(sequence, [sequence]);
    expect(sequence.reused).toBe(reused);
  });
});
