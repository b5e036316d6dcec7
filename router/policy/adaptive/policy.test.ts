import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetError } from '@qwenfleet/core/errors';
import { shippedWeights } from '../../score/weights.ts';
import type { PoolView, ScoredRequest } from '../policy.ts';
import { createAdaptivePolicy } from './policy.ts';
import { Steering } from './steering.ts';
import { reasons } from './words.ts';

const policy = createAdaptivePolicy(shippedWeights);
const objective = { costWeight: 0.3, waitWeight: 0.002 };
const easy = 'What is the capital of France?';
const hard =
  'Prove that there are infinitely many primes congruent to 3 modulo 4, then generalise the argument and say where it breaks.';

const view = (name: 'small' | 'medium' | 'large', costPerToken: number, rest: Partial<PoolView> = {}): PoolView => ({
  name,
  tier: name,
  task: 'generate',
  contextLength: 4_096,
  capabilities: { tools: false, json: false, vision: false },
  costPerToken,
  ready: 1,
  starting: 0,
  waitMs: 0,
  pressure: 0,
  available: true,
  ...rest,
});
const pools = [view('small', 0.1), view('medium', 0.3), view('large', 1)];
const ask = (text: string, rest: Partial<ScoredRequest> = {}): ScoredRequest => ({
  messages: [{ role: 'user', text }],
  tools: false,
  json: false,
  promptTokens: 20,
  maxTokens: undefined,
  ...rest,
});

describe('model auto', () => {
  it.each([
    [easy, 'small', 'easy'],
    [hard, 'large', 'hard'],
    ['...', 'medium', 'no-signal'],
  ])('sends %j to the %s pool', (text, pool, reason) => {
    expect(policy.decide(ask(text), pools, objective)).toMatchObject({ pool, reason });
  });

  it('sends everything to the cheapest when cost is all that counts, and to the best when it does not', () => {
    expect(policy.decide(ask(hard), pools, { ...objective, costWeight: 100 }).pool).toBe('small');
    expect(policy.decide(ask(easy), pools, { ...objective, costWeight: 0 }).pool).toBe('large');
  });

  it('goes elsewhere when waiting costs more than it brings, and says that it did', () => {
    const waiting = [pools[0]!, pools[1]!, view('large', 1, { waitMs: 600_000 })];
    const decision = policy.decide(ask(hard), waiting, objective);
    expect(decision).toMatchObject({ reason: 'wait' });
    expect(decision.pool).not.toBe('large');
    expect(decision.words).toContain('would take longer to begin');
  });

  it('leaves out pools that cannot, and says why', () => {
    const decision = policy.decide(
      ask(easy, { tools: true }),
      [pools[0]!, view('large', 1, { capabilities: { tools: true, json: true, vision: true } })],
      objective,
    );
    expect(decision).toMatchObject({ pool: 'large', reason: 'only-eligible', confidence: 1 });
    expect(decision.words).toContain('small: its model cannot call tools');
    expect(decision.pools).toMatchObject([
      { name: 'small', eligible: false },
      { name: 'large', eligible: true },
    ]);
  });

  it('says what is wrong when no pool can', () => {
    expect(() => policy.decide(ask(easy, { promptTokens: 10_000 }), pools, objective)).toThrow(
      expect.objectContaining({ code: 'context_length_exceeded' }),
    );
  });

  it('explains itself with a chance and a price for each pool, and what was seen, strongest first', () => {
    const { pools: verdicts, features, words } = policy.decide(ask(hard), pools, objective);
    for (const { p, cost } of verdicts) {
      expect(p).toBeGreaterThan(0);
      expect(p).toBeLessThan(1);
      expect(cost).toBeGreaterThan(0);
    }
    const strengths = Object.values(features).map(Math.abs);
    expect(strengths.length).toBeGreaterThan(0);
    expect(strengths).toEqual(strengths.toSorted((a, b) => b - a));
    expect(words).toMatch(/^large: a /);
  });
});

describe('a wanted share of the large tier', () => {
  const ordinary = [easy, hard, 'Write a short poem about rain.', 'Sort these names: Ada, Bob, Cid.'];
  const steered = (steering: Steering) => ({ ...objective, steer: (price?: number) => steering.costWeight(price) });

  it('is what it gets, and the hardest go there', () => {
    const steering = new Steering(0.25);
    const sent = Array.from({ length: 800 }, (_, at) => {
      const text = ordinary[at % ordinary.length] ?? '';
      const decision = policy.decide(ask(text), pools, steered(steering));
      steering.decided(decision.largeChoice);
      return { text, pool: decision.pool };
    });
    const large = sent.filter(({ pool }) => pool === 'large');
    expect(large.length).toBeGreaterThan(190);
    expect(large.length).toBeLessThan(210);
    expect(large.filter(({ text }) => text === hard).length).toBeGreaterThan(0.8 * large.length);
  });

  it('learns what prompts are worth, not what a wait makes of it', () => {
    const waiting = [pools[0]!, pools[1]!, view('large', 1, { waitMs: 18_000, pressure: 0.9 })];
    const atOnce = policy.decide(ask(hard), pools, objective);
    const moved = policy.decide(ask(hard), waiting, objective);
    expect([atOnce.pool, moved.pool, moved.reason]).toEqual(['large', 'medium', 'wait']);
    expect(moved.largeChoice).toEqual(atOnce.largeChoice);
    expect(moved.largeChoice?.large).toBe(true);
  });

  it('learns nothing where the tier is away, and where it is all there is', () => {
    const decide = (seen: PoolView[]) => policy.decide(ask(hard), seen, objective).largeChoice;
    expect(decide([pools[0]!, view('large', 1, { available: false })])).toBeUndefined();
    expect(decide([pools[0]!, pools[1]!])).toBeUndefined();
    expect(decide([pools[2]!])).toBeUndefined();
  });

  it('counts a request that only one of them can take, and one that says nothing', () => {
    const able = view('large', 1, { capabilities: { tools: true, json: true, vision: false } });
    const choice = (request: ScoredRequest) => policy.decide(request, [pools[0]!, able], objective).largeChoice;
    expect(choice(ask(easy, { tools: true }))).toEqual({ price: Infinity, large: true });
    expect(choice(ask('...'))).toEqual({ price: Infinity, large: true });
    expect(policy.decide(ask('...'), pools, objective).largeChoice).toEqual({ price: -Infinity, large: false });
  });
});

describe('any request and any pools', () => {
  const anyView = fc
    .record({
      tier: fc.constantFrom('small' as const, 'medium' as const, 'large' as const),
      cost: fc.double({ min: 0, max: 1, noNaN: true }),
      waitMs: fc.nat(60_000),
      available: fc.boolean(),
      contextLength: fc.integer({ min: 1, max: 8_192 }),
    })
    .map(({ tier, cost, ...rest }) => view(tier, cost, rest));
  const views = fc
    .array(anyView, { maxLength: 6 })
    .map((all) => all.map((one, at) => ({ ...one, name: `pool-${at}` })));

  it('get the same decision twice, for a pool that can answer, or a coded error', () => {
    fc.assert(
      fc.property(fc.string(), views, fc.nat(4_096), (text, seen, promptTokens) => {
        const request = ask(text, { promptTokens });
        try {
          const decision = policy.decide(request, seen, objective);
          expect(policy.decide(request, seen, objective)).toEqual(decision);
          expect(decision.pools.find(({ name }) => name === decision.pool)?.eligible).toBe(true);
          expect(reasons).toContain(decision.reason);
          expect(decision.confidence).toBeGreaterThanOrEqual(0);
          expect(decision.confidence).toBeLessThanOrEqual(1);
          expect(decision.words.startsWith(`${decision.pool}: `)).toBe(true);
        } catch (error) {
          if (!(error instanceof FleetError)) throw error;
          const able = seen.filter((one) => one.available && one.contextLength >= promptTokens + 1);
          expect(able).toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
  });
});
