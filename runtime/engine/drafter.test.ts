import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRng } from '@qwenfleet/core/rng';
import { draftLength, Drafter, rowCosts, type DraftSettings } from './drafter.ts';

const int8: DraftSettings = { tokensMax: 8, cost: rowCosts.int8 };

/** Reads a text as a sequence would draw it. Returns the guesses of each step, and what the steps cost together. */
function follow(
  settings: DraftSettings,
  prompt: readonly number[],
  answer: readonly number[],
): { lengths: number[]; cost: number } {
  const drafter = new Drafter(settings);
  const tokens = [...prompt];
  const lengths: number[] = [];
  let cost = 0;
  for (let at = 0; at < answer.length;) {
    const drafts = drafter.propose(tokens, answer.length - at - 1);
    lengths.push(drafts.length);
    cost += drafts.length === 0 ? 1 : settings.cost.fixed + settings.cost.perToken * (drafts.length + 1);
    for (let row = 0; ; row += 1) {
      const token = answer[at] ?? 0;
      at += 1;
      drafter.drawn(token);
      tokens.push(token);
      if (token !== drafts[row]) break;
    }
  }
  return { lengths, cost };
}

const chance = (length: number, seed: number, of = 1_000): number[] => {
  const rng = seededRng(seed);
  return Array.from({ length }, () => Math.floor(rng() * of));
};

describe('how many guesses a step tries', () => {
  it.each(['float32', 'int8', 'int4'] as const)('grows with how often they are right, in %s', (quantization) => {
    const lengths = [0, 0.2, 0.4, 0.6, 0.8, 0.9, 1].map((acceptance) =>
      draftLength(acceptance, { tokensMax: 8, cost: rowCosts[quantization] }),
    );
    expect(lengths.toSorted((a, b) => a - b)).toEqual(lengths);
    expect([lengths[0], lengths.at(-1)]).toEqual([0, 8]);
  });

  it('is more where further tokens cost less', () => {
    const at = (quantization: 'float32' | 'int8'): number =>
      draftLength(0.6, { tokensMax: 8, cost: rowCosts[quantization] });
    expect(at('float32')).toBeGreaterThan(at('int8'));
  });
});

describe('a drafter', () => {
  it('tries more and more while a text is copied, and none again when it is not', () => {
    const source = chance(120, 1);
    const { lengths } = follow(int8, source, [...source.slice(10, 110), ...chance(60, 2)]);
    const most = lengths.indexOf(8);
    expect(most).toBeGreaterThan(0);
    expect(lengths.slice(0, most).toSorted((a, b) => a - b)).toEqual(lengths.slice(0, most));
    expect(lengths.slice(-40).every((length) => length === 0)).toBe(true);
  });

  it('notices a copy that begins after a long time of none', () => {
    const source = chance(200, 3);
    const { lengths } = follow(int8, source, [...chance(500, 4), ...source.slice(20, 180)]);
    expect(lengths.slice(0, 400).every((length) => length === 0)).toBe(true);
    expect(Math.max(...lengths.slice(-20))).toBe(8);
  });

  it('never guesses beyond the room that there is', () => {
    const source = chance(60, 5);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 16 }), (room, tokensMax) => {
        const drafter = new Drafter({ tokensMax, cost: rowCosts.float32 });
        const tokens = [...source, ...source.slice(0, 20)];
        for (let at = 20; at < 50; at += 1) {
          const drafts = drafter.propose(tokens, room);
          expect(drafts.length).toBeLessThanOrEqual(Math.min(room, tokensMax));
          for (const token of [...drafts, source[at] ?? 0]) {
            drafter.drawn(token);
            tokens.push(token);
          }
        }
      }),
    );
  });

  it.each(['float32', 'int8', 'int4'] as const)(
    'loses little on any text, by the cost of rows in %s',
    (quantization) => {
      const settings = { tokensMax: 8, cost: rowCosts[quantization] };
      // From texts without an end that comes again, to texts of three words in any order.
      const text = fc.record({ seed: fc.nat(), words: fc.integer({ min: 3, max: 200 }) });
      fc.assert(
        fc.property(text, ({ seed, words }) => {
          const answer = chance(300, seed, words);
          expect(follow(settings, chance(100, seed + 1, words), answer).cost).toBeLessThan(answer.length * 1.1);
        }),
      );
    },
  );

  it('brings a copy in less than half of the time, by the same cost', () => {
    const source = chance(300, 6);
    expect(follow(int8, source, source).cost).toBeLessThan(150);
  });
});
