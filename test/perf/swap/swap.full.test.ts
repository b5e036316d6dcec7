import { describe, expect, it } from 'vitest';
import { command } from '../../harness/command.ts';
import { root } from '../../house/imports.ts';
import type { SwapReport } from './measure.ts';

const bench = (...args: string[]) =>
  command(process.execPath, ['test/perf/swap/main.ts', ...args], { cwd: root, timeoutMs: 500_000 });

describe('new weights under eight streams', () => {
  it('lose no request, and no stream gets a token of neither', async () => {
    const { code, stdout, stderr } = await bench('--model', 'tiny', '--json');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    // Written by main.ts.
    const { failed, wrong, answers, of } = JSON.parse(stdout) as SwapReport;
    expect({ failed, wrong }).toEqual({ failed: [], wrong: 0 });
    expect(answers).toBeGreaterThanOrEqual(8);
    expect(of.old).toBeGreaterThan(0);
  });

  it('are not asked for of a model that is unknown', async () => {
    const { code, stderr } = await bench('--model', 'gpt');
    expect(code).toBe(2);
    expect(stderr).toContain('--model gpt');
  });
});
