import { readdirSync, readFileSync } from 'node:fs';

/** What one process holds, from /proc. */
export type Held = { fileHandles: number; residentBytes: number; threads: number };

/** Throws when the process is gone. */
export function heldBy(pid: number): Held {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const figure = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN);
  return {
    fileHandles: readdirSync(`/proc/${pid}/fd`).length,
    residentBytes: figure('VmRSS') * 1024,
    threads: figure('Threads'),
  };
}
