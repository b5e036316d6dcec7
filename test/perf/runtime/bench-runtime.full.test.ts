import { describe, expect, it } from 'vitest';
import { command, type Outcome } from '../../harness/command.ts';
import { root } from '../../house/imports.ts';
import type { Row } from './measure.ts';

/** As long as one of these tests may take. */
const benchMs = 600_000;
const bench = (...args: string[]): Promise<Outcome> =>
  command(process.execPath, ['test/perf/runtime/main.ts', ...args], { cwd: root, timeoutMs: benchMs });

describe('the bench of runtimes', () => {
  it.each(['int8', 'int4'])(
    'in its short form does every piece of work in %s, and says what it left out',
    async (as) => {
      const { code, stdout, stderr } = await bench('--short', '--json', '--quantization', as);
      expect({ code, stderr: stderr.replace(/^llama\.cpp is left out: not installed.*\n/, '') }).toEqual({
        code: 0,
        stderr: '',
      });
      // Written by main.ts.
      const { rows, missing } = JSON.parse(stdout) as { rows: Row[]; missing: Record<string, string> };
      expect(Object.keys(missing)).toEqual(stderr === '' ? [] : ['llama']);
      expect(rows.map((row) => [row.kind, row.kind === 'start' ? 0 : row.size])).toEqual([
        ['decode', 1],
        ['decode', 4],
        ['prefill', 16],
        ['prefill', 48],
        ['start', 0],
      ]);
      const engines = stderr === '' ? ['qwenfleet', 'llama'] : ['qwenfleet'];
      for (const { figures, quantization } of rows) {
        expect(quantization).toBe(as);
        expect(Object.keys(figures).toSorted()).toEqual(engines.toSorted());
        for (const { min } of Object.values(figures)) expect(min).toBeGreaterThan(0);
      }
    },
  );

  it.each([
    ['--model', 'gpt'],
    ['--quantization', 'float32'],
    ['--rounds', 'many'],
    ['--threads', '0'],
  ])('refuses %s %s by name', async (flag, value) => {
    const { code, stdout, stderr } = await bench(flag, value);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`${flag} ${value}`);
  });
});
