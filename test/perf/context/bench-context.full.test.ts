import { describe, expect, it } from 'vitest';
import { command, type Outcome } from '../../harness/command.ts';
import { root } from '../../house/imports.ts';
import type { LengthsFound } from './lengths.ts';
import type { NeedleFound } from './needle.ts';

/** As long as one of these tests may take. */
const benchMs = 600_000;
const bench = (...args: string[]): Promise<Outcome> =>
  command(process.execPath, ['test/perf/context/main.ts', ...args], { cwd: root, timeoutMs: benchMs });

describe('the bench of long contexts', () => {
  it('in its short form measures every length, and the model of the demo finds the needle', async () => {
    const { code, stdout, stderr } = await bench('--short', '--json', '--rounds', '1');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // Written by main.ts.
    const { lengths, memoryMb, cacheMb, needle } = JSON.parse(stdout) as LengthsFound & { needle: NeedleFound };
    expect(lengths.map(({ tokens }) => tokens)).toEqual([256, 2_048]);
    for (const { prefillTokensPerSecond, decodeTokensPerSecond } of lengths)
      expect(Math.min(prefillTokensPerSecond, decodeTokensPerSecond)).toBeGreaterThan(0);
    // Keys and values of two layers, two heads of 32 floats.
    expect(cacheMb).toBeCloseTo((2 * 2 * 2 * 32 * 4 * 2_048) / 1e6);
    expect(memoryMb).toBeGreaterThan(cacheMb);
    expect(needle).toMatchObject({ tokens: 500, found: true });
  });

  it.each([
    ['--rounds', 'many'],
    ['--threads', '0'],
    ['--kv-cache-dtype', 'int3'],
  ])('refuses %s %s by name', async (flag, value) => {
    const { code, stdout, stderr } = await bench(flag, value);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`${flag} ${value}`);
  });
});
