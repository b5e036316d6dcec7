import { seededRng } from '@qwenfleet/core/rng';
import { describe, expect, it } from 'vitest';
import { Popularity } from './popularity.ts';

const replicas = 4;

/** Keys that requests go by, of `count` requests whose beginnings are drawn with these weights. */
function draw(popularity: Popularity, weights: readonly number[], count: number, seed = 1): string[] {
  const rng = seededRng(seed);
  const sum = weights.reduce((a, b) => a + b, 0);
  return Array.from({ length: count }, () => {
    let left = rng() * sum;
    const shared = weights.findIndex((weight) => (left -= weight) < 0);
    const own = 1_000_000 + Math.floor(rng() * 1_000_000);
    return popularity.keyOf({ shared, own }, replicas) === shared ? `whole ${shared}` : `split ${shared}`;
  });
}

describe('instructions', () => {
  it('that all requests share are split by conversation from the first on', () => {
    expect(new Set(draw(new Popularity(), [1], 10_000))).toEqual(new Set(['split 0']));
  });

  it('that few share stay together, beside some that many do', () => {
    const popularity = new Popularity();
    const weights = [50, ...Array.from({ length: 50 }, () => 1)];
    draw(popularity, weights, 2_000);
    const later = draw(popularity, weights, 5_000);
    expect(later).toContain('split 0');
    expect(later).not.toContain('whole 0');
    expect(later.filter((what) => what.startsWith('split')).every((what) => what === 'split 0')).toBe(true);
  });

  it('are counted without end in a memory that has one', () => {
    const popularity = new Popularity();
    const many = Array.from({ length: 5_000 }, () => 1);
    draw(popularity, many, 20_000);
    expect(draw(popularity, many, 5_000).every((what) => what.startsWith('whole'))).toBe(true);
  });

  it('that become popular are split, and put together when they no longer are', () => {
    const popularity = new Popularity();
    const [rare, popular] = [
      [1, ...Array.from({ length: 40 }, () => 1)],
      [40, ...Array.from({ length: 40 }, () => 1)],
    ];
    draw(popularity, rare, 4_000);
    expect(draw(popularity, rare, 500)).not.toContain('split 0');
    draw(popularity, popular, 4_000);
    expect(draw(popularity, popular, 500)).not.toContain('whole 0');
    draw(popularity, rare, 12_000);
    expect(draw(popularity, rare, 500)).not.toContain('split 0');
  });

  it('are judged alike by routers that see the same mix, each on its own', () => {
    const weights = [40, 20, 4, 2, ...Array.from({ length: 34 }, () => 1)];
    const [here, there] = [new Popularity(), new Popularity()];
    draw(here, weights, 4_000, 1);
    draw(there, weights, 4_000, 2);
    const kinds = (popularity: Popularity) => new Set(draw(popularity, weights, 2_000, 3));
    expect(kinds(there)).toEqual(kinds(here));
  });
});
