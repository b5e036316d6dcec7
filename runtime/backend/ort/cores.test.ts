import { describe, expect, it, vi } from 'vitest';
import { Cores } from './cores.ts';

/** Runs that a test ends by hand, and who has begun. */
function runsOn(cores: Cores) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, threads: number): Promise<string> =>
    cores.use(threads, () => {
      begun.push(name);
      return new Promise((resolve) => ends.set(name, () => resolve(name)));
    });
  return { begun, run, end: (name: string) => ends.get(name)?.() };
}

describe('runs of several models', () => {
  it('take turns when their threads are more than there are cores', async () => {
    const { begun, run, end } = runsOn(new Cores(2));
    const all = [run('a', 2), run('b', 2), run('c', 1)];
    expect(begun).toEqual(['a']);
    end('a');
    await all[0];
    expect(begun).toEqual(['a', 'b']);
    // Nobody comes in between before the one whose turn it is has gone on.
    const late = run('d', 1);
    end('b');
    await all[1];
    await expect.poll(() => begun).toEqual(['a', 'b', 'c', 'd']);
    end('c');
    end('d');
    expect(await Promise.all([...all, late])).toEqual(['a', 'b', 'c', 'd']);
  });

  it('run at once where there is a core for each of their threads', () => {
    const { begun, run } = runsOn(new Cores(4));
    void run('a', 2);
    void run('b', 2);
    void run('c', 1);
    expect(begun).toEqual(['a', 'b']);
  });

  it('have all cores when they have more threads', async () => {
    const { begun, run, end } = runsOn(new Cores(2));
    const first = run('a', 16);
    void run('b', 1);
    expect(begun).toEqual(['a']);
    end('a');
    await first;
    expect(begun).toEqual(['a', 'b']);
  });

  it('go on when one fails', async () => {
    const cores = new Cores(1);
    const failing = cores.use(1, () => Promise.reject(new Error('no')));
    const next = cores.use(1, () => Promise.resolve('yes'));
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });

  it('do not wait for ever for one that hangs', async () => {
    vi.useFakeTimers();
    try {
      const { begun, run, end } = runsOn(new Cores(2));
      void run('hangs', 2);
      const next = run('next', 2);
      await vi.advanceTimersByTimeAsync(4_999);
      expect(begun).toEqual(['hangs']);
      await vi.advanceTimersByTimeAsync(1);
      expect(begun).toEqual(['hangs', 'next']);
      end('next');
      expect(await next).toBe('next');
    } finally {
      vi.useRealTimers();
    }
  });
});
