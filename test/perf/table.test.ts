import { describe, expect, it } from 'vitest';
import type { Bench, Cell } from './measure.ts';
import { renderBench, widthMax } from './table.ts';

const cell = (changes: Partial<Cell> = {}): Cell => ({
  pool: 'small',
  streams: 8,
  way: 'router',
  requests: 40,
  failures: 0,
  tokens: 1280,
  firstTokenMs: { median: 51.4, min: 40, max: 70 },
  tokensPerSecond: { median: 141.25, min: 120, max: 150 },
  ...changes,
});
const bench = (cells: Cell[]): Bench => ({ routerAddsMs: { median: 1.25, min: 0.5, max: 9, pairs: 100 }, cells });

describe('the table of a bench', () => {
  it('has medians with least and most, who failed, and what the router adds', () => {
    expect(renderBench(bench([cell(), cell({ way: 'direct', failures: 2 })]))).toBe(
      [
        'POOL   STREAMS  WAY     FIRST TOKEN, MS   TOKENS/S, ALL STREAMS  FAILED',
        'small        8  router    51 (40 to 70)  141.3 (120.0 to 150.0)    0/40',
        'small        8  direct    51 (40 to 70)  141.3 (120.0 to 150.0)    2/40',
        '',
        'The router adds 1.25 ms to a request (median of 100 pairs).',
      ].join('\n'),
    );
  });

  it('fits its width, however long a name and however slow a machine', () => {
    const slow = { median: 123_456, min: 100_000, max: 987_654 };
    const wide = cell({ pool: 'a-pool-whose-name-is-as-long-as-kubernetes-lets-a-name-be-63', firstTokenMs: slow });
    for (const line of renderBench(bench([wide, cell()])).split('\n'))
      expect(line.length).toBeLessThanOrEqual(widthMax);
  });
});
