import { readFileSync, readdirSync } from 'node:fs';

export type ProcessEntry = { pid: number; parent: number; command: string };

/** Processes of this machine, from /proc. */
export function processes(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        if (fields[0] === 'Z') return [];
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return [{ pid: Number(name), parent: Number(fields[1]), command }];
      } catch {
        return [];
      }
    });
}

/** Everything below a process, itself left out. */
export function descendants(pid: number): ProcessEntry[] {
  const all = processes();
  const below = (parent: number): ProcessEntry[] =>
    all.filter((entry) => entry.parent === parent).flatMap((entry) => [entry, ...below(entry.pid)]);
  return below(pid);
}

export const alive = (pid: number): boolean => processes().some((entry) => entry.pid === pid);

export type ProcessUsage = { files: number; residentBytes: number };

/** Open file handles and memory of a process. Throws when it has gone. */
export function usageOf(pid: number): ProcessUsage {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has ended`);
  return { files: readdirSync(`/proc/${pid}/fd`).length, residentBytes: Number(kilobytes) * 1024 };
}
