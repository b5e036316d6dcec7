import { describe, expect, it } from 'vitest';
import { command, type Outcome } from '../harness/command.ts';
import { root } from '../house/imports.ts';
import type { Bench } from './measure.ts';

/** As long as one of these tests may take. */
const benchMs = 600_000;
const bench = (...args: string[]): Promise<Outcome> =>
  command(process.execPath, ['test/perf/bench.ts', ...args], { cwd: root, timeoutMs: benchMs });

describe('the bench', () => {
  it('in its short form asks every pool both ways, at one stream and at eight, and nothing fails', async () => {
    const { code, stdout, stderr } = await bench('--short', '--json');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    // Written by bench.ts.
    const { cells, routerAddsMs } = JSON.parse(stdout) as Bench;
    expect(routerAddsMs.pairs).toBe(5);
    const wanted = ['small', 'medium', 'large'].flatMap((pool) =>
      [1, 8].flatMap((streams) => ['router', 'direct'].map((way) => ({ pool, streams, way }))),
    );
    expect(cells.map(({ pool, streams, way }) => ({ pool, streams, way }))).toEqual(wanted);
    for (const { streams, requests, failures, tokens } of cells) {
      expect({ requests, failures }).toEqual({ requests: streams, failures: 0 });
      expect(tokens).toBeGreaterThan(0);
      expect(tokens).toBeLessThanOrEqual(streams * 8);
    }
    for (const pool of ['small', 'medium', 'large']) {
      const [routed, direct] = cells.filter((cell) => cell.pool === pool && cell.streams === 1);
      expect(routed?.tokens).toBe(direct?.tokens);
    }
  });

  it('refuses a number of rounds that is none', async () => {
    const { code, stdout, stderr } = await bench('--rounds', 'many');
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('--rounds many');
  });
});
