import { describe, expect, it } from 'vitest';
import { command } from '../../harness/command.ts';
import { root } from '../../house/imports.ts';
import type { MixedReport } from './measure.ts';

const bench = (...args: string[]) =>
  command(process.execPath, ['test/perf/mixed/main.ts', ...args], { cwd: root, timeoutMs: 500_000 });

describe('a minute of mixed load, with clients that go away', () => {
  it('leaves no slot, no handle and no token behind, and loses nobody who stayed', async () => {
    const { code, stdout, stderr } = await bench('--minutes', '1', '--json');
    expect(stderr).toBe('');
    // Written by main.ts.
    const { seed, requests, left, lost, atRest } = JSON.parse(stdout) as MixedReport;
    process.stdout.write(`mixed load: seed ${seed}, ${requests} requests, ${left} given up\n`);
    expect({ lost, atRest }).toEqual({ lost: [], atRest: { running: 0, queued: 0, files: 0, tokens: 0 } });
    expect(left).toBeGreaterThan(0);
    expect(code).toBe(0);
  });

  it('is not of a length that is none', async () => {
    const { code, stderr } = await bench('--minutes', 'many');
    expect(code).toBe(2);
    expect(stderr).toContain('--minutes many');
  });
});
