import { describe, expect, it } from 'vitest';
import { command, type Outcome } from '../../harness/command.ts';
import { root } from '../../house/imports.ts';
import type { SwitchRow } from './measure.ts';

const bench = (...args: string[]): Promise<Outcome> =>
  command(process.execPath, ['test/perf/switches/main.ts', ...args], { cwd: root, timeoutMs: 300_000 });

describe('the bench of switches', () => {
  it('in its short form answers every request in every way, and has a row for each', async () => {
    const { code, stdout, stderr } = await bench('--short', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // Written by main.ts.
    const { rows } = JSON.parse(stdout) as { rows: SwitchRow[] };
    expect(rows.map(({ name }) => name)).toEqual([
      'naive',
      'fused operators',
      'continuous batching',
      'int8 weights',
      expect.stringMatching(/^\d+ threads$/),
      'all together',
    ]);
    for (const { requestsPerSecond, latencyMs } of rows) {
      expect(requestsPerSecond.min).toBeGreaterThan(0);
      expect(latencyMs.min).toBeGreaterThan(0);
    }
    expect(rows[0]?.timesAsMany).toEqual({ median: 1, min: 1, max: 1 });
  });

  it.each([
    ['--model', 'gpt'],
    ['--quantization', 'float32'],
    ['--slots', '0'],
    ['--rounds', 'many'],
    ['--requests', '-1'],
  ])('refuses %s %s by name', async (flag, value) => {
    const { code, stdout, stderr } = await bench(`${flag}=${value}`);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`${flag} ${value}`);
  });
});
