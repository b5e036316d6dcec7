import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { freemem, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freeMemory, type MemoryFiles } from './free-memory.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'free-memory-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const gib = 2 ** 30;

/** A machine, and a container in it. */
function files(machineFree: number, container: Record<string, string> = {}): MemoryFiles {
  const meminfo = path.join(folder, 'meminfo');
  const cgroup = path.join(folder, 'cgroup');
  mkdirSync(cgroup, { recursive: true });
  writeFileSync(
    meminfo,
    `MemTotal:       99999999 kB\nMemFree:          100 kB\nMemAvailable:   ${machineFree / 1024} kB\n`,
  );
  for (const [name, text] of Object.entries(container)) writeFileSync(path.join(cgroup, name), text);
  return { meminfo, cgroup };
}

describe('memory that is still free', () => {
  it.each<[string, Record<string, string>, number]>([
    ['the machine’s, without a container', {}, 8],
    ['the machine’s, in a container without a limit', { 'memory.max': 'max\n', 'memory.current': `${gib}\n` }, 8],
    ['what the limit leaves', { 'memory.max': `${4 * gib}`, 'memory.current': `${gib}` }, 3],
    ['the machine’s, when the limit is above it', { 'memory.max': `${64 * gib}`, 'memory.current': `${gib}` }, 8],
    ['nothing, beyond the limit', { 'memory.max': `${gib}`, 'memory.current': `${2 * gib}` }, 0],
    [
      'what the limit leaves, with the files that are only cached',
      {
        'memory.max': `${4 * gib}`,
        'memory.current': `${3.5 * gib}`,
        'memory.stat': `anon ${gib}\nfile ${2 * gib}\ninactive_file ${2 * gib}\nactive_file ${0.5 * gib}\nshmem 7\n`,
      },
      3,
    ],
  ])('is %s', (_name, container, wanted) => {
    expect(freeMemory(files(8 * gib, container)) / gib).toBe(wanted);
  });

  it('is asked of the system where there are no such files', () => {
    const none = path.join(folder, 'absent');
    expect(freeMemory({ meminfo: none, cgroup: none })).toBeGreaterThan(0);
    expect(freeMemory({ meminfo: none, cgroup: none })).toBeLessThanOrEqual(Math.max(totalmem(), freemem()));
  });

  it('of this machine is some, and no more than it has', () => {
    expect(freeMemory()).toBeGreaterThan(0);
    expect(freeMemory()).toBeLessThanOrEqual(totalmem());
  });
});
