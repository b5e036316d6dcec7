import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { root } from '../../house/imports.ts';
import type { Row } from './measure.ts';

async function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['test/perf/runtime/main.ts', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: Number(code), stdout, stderr };
}

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
