import { describe, expect, it } from 'vitest';
import type { Contribution } from '../../score/model.ts';
import { read } from '../../score/conversation.ts';
import type { PoolView } from '../policy.ts';
import type { Candidate } from './choose.ts';
import { sentence, type Reason } from './words.ts';

const candidate = (name: string, p: number, costPerToken: number): Candidate => ({
  p,
  // The sentence looks at no more of a pool than this.
  pool: { name, costPerToken } as PoolView,
});
const small = candidate('small', 0.7, 0.1);
const large = candidate('large', 0.82, 0.8);
const seen = (text: string) => read([{ role: 'user', text }]);
const contribution = (name: string, effect: number): Contribution =>
  ({ name, value: 1, small: effect }) as Contribution;

function words(
  reason: Reason,
  chosen: Candidate,
  others: Candidate[],
  contributions: Contribution[] = [],
  text = 'one two three',
): string {
  return sentence(reason, chosen, others, { reading: seen(text), contributions, excluded: [] });
}

describe('the sentence for support', () => {
  it('names what was seen and what another pool would change, upwards', () => {
    expect(words('easy', small, [large], [contribution('greeting', 1)])).toBe(
      'small: a short greeting; the large pool would be right 12 % more often at 8 times the cost',
    );
  });

  it('and downwards', () => {
    expect(words('hard', large, [small], [contribution('proof', -1), contribution('mathematics', -0.5)])).toBe(
      'large: a short proof and a question of mathematics; the small pool would be right 12 % less often at 13 % of the cost',
    );
  });

  it('names at most two things, the strongest first', () => {
    const many = ['proof', 'law', 'science'].map((name, at) => contribution(name, -1 - at));
    expect(words('hard', large, [small], many)).toContain('a short question of science and a question of law;');
  });

  it('does not name what hardly counts, or speaks for the other side', () => {
    const weak = [contribution('proof', -0.01), contribution('law', 2)];
    expect(words('hard', large, [small], weak)).toContain('large: a short prompt;');
  });

  it('speaks of long prompts and ordinary ones', () => {
    expect(words('hard', large, [small], [], 'word '.repeat(200))).toContain('a long prompt');
    expect(words('hard', large, [small], [], 'word '.repeat(40))).toContain('an ordinary prompt');
  });

  it('says so when there was nothing to go by, or no choice', () => {
    expect(words('no-signal', small, [large])).toBe(
      'small: the prompt says nothing of how hard it is, so it goes to the middle',
    );
    const excluded = [{ name: 'large', why: 'it has no server that answers' }];
    expect(sentence('only-eligible', small, [], { reading: seen('x'), contributions: [], excluded })).toBe(
      'small: the only pool that can answer (large: it has no server that answers)',
    );
  });

  it('does not divide by a price of nothing, and knows equal prices', () => {
    expect(words('easy', candidate('a', 0.5, 0), [candidate('b', 0.5, 1)])).toMatch(/right about as often$/);
    expect(words('easy', candidate('a', 0.5, 1), [candidate('b', 0.5, 1)])).toMatch(/about as often at the same cost$/);
  });
});
