import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import path from 'node:path';

/** Where Linux says it; a test has files of its own. */
export type MemoryFiles = { meminfo: string; cgroup: string };
const systemFiles: MemoryFiles = { meminfo: '/proc/meminfo', cgroup: '/sys/fs/cgroup' };

/**
 * Bytes that this process could still take: what the machine has, or the container's limit when that leaves less. Cached
 * files are free here, which Node's own `process.availableMemory` does not know: weights that were read are not lost room.
 */
export function freeMemory(files: MemoryFiles = systemFiles): number {
  const available = fieldOf(read(files.meminfo), /^MemAvailable:\s+(\d+) kB$/m);
  const machine = available === undefined ? freemem() : available * 1024;
  const limit = Number(read(path.join(files.cgroup, 'memory.max')));
  const used = Number(read(path.join(files.cgroup, 'memory.current')));
  // "max" and files that are not there are no numbers.
  if (!(limit > 0) || !(used > 0)) return machine;
  const stat = read(path.join(files.cgroup, 'memory.stat'));
  const cached = ['active_file', 'inactive_file'].map(
    (name) => fieldOf(stat, new RegExp(`^${name} (\\d+)$`, 'm')) ?? 0,
  );
  return Math.max(0, Math.min(machine, limit - used + cached.reduce((sum, bytes) => sum + bytes, 0)));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

function fieldOf(text: string, pattern: RegExp): number | undefined {
  const [, value] = pattern.exec(text) ?? [];
  return value === undefined ? undefined : Number(value);
}
